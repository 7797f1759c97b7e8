// Stands in for libFuzzer: runs inputs that are kept, and inputs that are the same every time.
//
//   replay [--threads T] [--generated M] [file or folder ...]
//   replay --plant overrun | overflow | race      what a sanitizer has to find
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/fuzz/buffer.h"
#include "tests/fuzz/op_call.h"
#include "tests/fuzz/target.h"

namespace {

using Input = std::vector<uint8_t>;

Input read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) blockhess::fuzz::fail(("cannot read " + path.string()).c_str());
  return Input(std::istreambuf_iterator<char>(file), {});
}

void read_files(const std::filesystem::path& path, std::vector<Input>& inputs) {
  if (!std::filesystem::is_directory(path)) return inputs.push_back(read_file(path));
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    inputs.push_back(read_file(entry.path()));
  }
}

// Inputs of every length up to kMost, mostly calls of ops.
Input generate(uint32_t seed) {
  constexpr uint32_t kMost = 200;
  std::mt19937 random(seed);
  Input input(1 + random() % kMost);
  for (uint8_t& byte : input) byte = static_cast<uint8_t>(random());
  return input;
}

void run(const std::vector<Input>& inputs, int num_threads) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < inputs.size(); i = next++) {
      LLVMFuzzerTestOneInput(inputs[i].data(), inputs[i].size());
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < num_threads; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
}

void plant(const std::string& mistake) {
  if (mistake == "overflow") return blockhess::fuzz::overflow();
  if (mistake == "race") return blockhess::fuzz::race();
  if (mistake != "overrun") blockhess::fuzz::fail("no such mistake to plant");
  blockhess::fuzz::outputs_are_short = true;
  std::vector<Input> inputs;
  for (uint32_t i = 0; i < 100; ++i) inputs.push_back(generate(i));
  run(inputs, 1);
}

}  // namespace

int main(int count, char** words) {
  std::vector<Input> inputs;
  int num_threads = 1;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word.rfind("--", 0) != 0) {
      read_files(word, inputs);
      continue;
    }
    const std::string value = ++i < count ? words[i] : "";
    if (word == "--plant") {
      plant(value);
      return 0;
    }
    const int number = std::atoi(value.c_str());
    if (word == "--threads") {
      num_threads = number;
    } else if (word == "--generated") {
      for (int seed = 0; seed < number; ++seed) inputs.push_back(generate(seed));
    } else {
      blockhess::fuzz::fail("usage: see the head of replay.cc");
    }
  }
  run(inputs, num_threads);
  std::printf("%zu inputs, %d threads\n", inputs.size(), num_threads);
}
