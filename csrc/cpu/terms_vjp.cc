#include "csrc/cpu/terms_vjp.h"
namespace blockhess::cpu {
template <typename T>
Result terms_vjp(const TermsVjpArguments<T>& arguments, const ParallelFor& parallel_for) { return Result::kOutOfMemory; }
template Result terms_vjp(const TermsVjpArguments<float>&, const ParallelFor&);
template Result terms_vjp(const TermsVjpArguments<double>&, const ParallelFor&);
}  // namespace blockhess::cpu
