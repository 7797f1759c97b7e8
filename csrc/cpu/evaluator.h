// Runs a program over a chunk of values, one instruction at a time, so that the interpretation is
// paid once per chunk and the values stay in cache.
#pragma once

#include <cstdint>

#include "csrc/core/program.h"
#include "csrc/cpu/scratch.h"

namespace blockhess::cpu {

// Values in a chunk: long enough to hide the dispatch, short enough that a dozen slots stay in the
// first-level cache.
inline constexpr int64_t kChunk = 1024;

template <typename T>
class Evaluator {
 public:
  // The program must outlive the evaluator. With a measuring scratch only the layout is done.
  Evaluator(const Program& program, int64_t chunk, Scratch& scratch);

  const Program& program() const { return *program_; }

  // Room for a chunk of values of an input; filled by the caller, kept between runs.
  T* input(int index) const { return slot(index); }

  // Computes all outputs for the first `count` values of the inputs. The values behind them, up to
  // a whole pack, are computed too and mean nothing.
  void run(int64_t count);

  // The values of an output that is a slot.
  const T* output(int index) const { return slot(program_->outputs[index].slot); }

  // Copies `count` values of an output; zeros for an output that is not a slot.
  void copy_output(int index, int64_t count, T* destination) const;

 private:
  T* slot(int number) const { return slots_ + number * stride_; }

  const Program* program_;
  int64_t stride_;
  T* slots_;
};

}  // namespace blockhess::cpu
