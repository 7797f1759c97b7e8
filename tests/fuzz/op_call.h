// A call of one of the ops as TensorFlow's kernel makes it: attributes are read, shapes checked,
// and what they allow is run.
#pragma once

#include "tests/fuzz/choices.h"
#include "tests/fuzz/pool.h"

namespace blockhess::fuzz {

// The program or the terms of an op, with any attributes and shapes, on every instruction set that
// is here and was built. Aborts where results depend on the number of threads, on what the memory
// of an output held before, or on the numbers of another row.
void call_op(Choices& choices, Pool& pool);

// Mistakes in the calls of a backend, for a sanitizer to find: a size whose square overflows, and
// two threads that write one output.
void overflow();
void race();

}  // namespace blockhess::fuzz
