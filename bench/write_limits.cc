// How fast this machine writes memory at all: the limit that every output runs into.
//
//   c++ -O2 -march=native -pthread bench/write_limits.cc -o /tmp/write_limits && /tmp/write_limits
//
// Plain and streaming stores of zeros, of one constant and of data that differ from line to line,
// warm, for one thread and two, each writing half. Needs AVX2; with -mavx512f stores of whole lines.
#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace {

enum Content { kZeros, kConstant, kData };
constexpr const char* kContents[] = {"zeros", "one constant", "data"};
constexpr size_t kSource = 16 << 10;  // bytes of data, in the first-level cache

#if defined(__AVX512F__)
using Vector = __m512i;
Vector load(const char* from) { return _mm512_load_si512(from); }
void store(char* to, Vector v) { _mm512_store_si512(to, v); }
void stream(char* to, Vector v) { _mm512_stream_si512(reinterpret_cast<Vector*>(to), v); }
Vector repeated(int value) { return _mm512_set1_epi32(value); }
#else
using Vector = __m256i;
Vector load(const char* from) { return _mm256_load_si256(reinterpret_cast<const Vector*>(from)); }
void store(char* to, Vector v) { _mm256_store_si256(reinterpret_cast<Vector*>(to), v); }
void stream(char* to, Vector v) { _mm256_stream_si256(reinterpret_cast<Vector*>(to), v); }
Vector repeated(int value) { return _mm256_set1_epi32(value); }
#endif

void write(char* out, size_t bytes, bool streaming, Content content, const char* data) {
  const Vector same = repeated(content == kZeros ? 0 : 0x40400000);
  for (size_t i = 0; i < bytes; i += sizeof(Vector)) {
    const Vector vector = content == kData ? load(data + i % kSource) : same;
    if (streaming) {
      stream(out + i, vector);
    } else {
      store(out + i, vector);
    }
  }
  _mm_sfence();
}

double seconds(char* out, size_t bytes, int threads, bool streaming, Content content,
               const char* data) {
  const auto start = std::chrono::steady_clock::now();
  const size_t half = bytes / 2 / 64 * 64;
  if (threads == 1) {
    write(out, bytes, streaming, content, data);
  } else {
    std::thread other([&] { write(out, half, streaming, content, data); });
    write(out + half, bytes - half, streaming, content, data);
    other.join();
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main() {
  char* const data = static_cast<char*>(std::aligned_alloc(64, kSource));
  for (size_t i = 0; i < kSource; ++i) data[i] = static_cast<char>(std::rand());
  for (const size_t bytes : {size_t{25600000}, size_t{81920000}, size_t{131072000}}) {
    char* const out = static_cast<char*>(std::aligned_alloc(64, bytes));
    std::memset(out, 1, bytes);
    for (const int threads : {1, 2}) {
      for (const bool streaming : {false, true}) {
        for (const Content content : {kZeros, kConstant, kData}) {
          std::vector<double> times;
          for (int round = 0; round < 25; ++round) {
            times.push_back(seconds(out, bytes, threads, streaming, content, data));
          }
          std::sort(times.begin(), times.end());
          std::printf("%6.1f MB, %d thread%s, %-9s stores of %-12s: median %5.2f ms, %5.1f GB/s\n",
                      bytes / 1e6, threads, threads == 1 ? " " : "s",
                      streaming ? "streaming" : "plain", kContents[content], 1e3 * times[12],
                      bytes / times[12] / 1e9);
        }
      }
    }
    std::free(out);
  }
  std::free(data);
}
