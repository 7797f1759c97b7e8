// The classes of the operations that operations.def lists.
#pragma once

#include "csrc/tf/map_op.h"
#include "csrc/tf/newton_op.h"
#include "csrc/tf/newton_solve_op.h"
#include "csrc/tf/terms_grad_op.h"
#include "csrc/tf/terms_op.h"
