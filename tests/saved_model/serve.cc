// Runs a SavedModel by TensorFlow's C API and prints the numbers of one result, a line each.
//
//   serve <library of the ops> <model> <input operation> <output operation> <output index>
//
// The input is 4 rows of 3 numbers, -0.5 to 0.6 in steps of 0.1.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "tensorflow/c/c_api.h"

namespace {

template <typename T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

const Owned<TF_Status> status(TF_NewStatus(), TF_DeleteStatus);

void check(const char* what) {
  if (TF_GetCode(status.get()) == TF_OK) return;
  std::fprintf(stderr, "%s: %s\n", what, TF_Message(status.get()));
  std::exit(1);
}

void close(TF_Session* session) {
  TF_CloseSession(session, status.get());
  TF_DeleteSession(session, status.get());
}

Owned<TF_Tensor> points() {
  const int64_t shape[] = {4, 3};
  Owned<TF_Tensor> x(TF_AllocateTensor(TF_DOUBLE, shape, 2, 12 * sizeof(double)), TF_DeleteTensor);
  auto* const values = static_cast<double*>(TF_TensorData(x.get()));
  for (int i = 0; i < 12; ++i) values[i] = 0.1 * (i - 5);
  return x;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 6) return 2;
  const Owned<TF_Library> library(TF_LoadLibrary(arguments[1], status.get()),
                                  TF_DeleteLibraryHandle);
  check("the library");

  const Owned<TF_SessionOptions> options(TF_NewSessionOptions(), TF_DeleteSessionOptions);
  const Owned<TF_Graph> graph(TF_NewGraph(), TF_DeleteGraph);
  const char* const tags[] = {"serve"};
  const Owned<TF_Session> session(
      TF_LoadSessionFromSavedModel(options.get(), nullptr, arguments[2], tags, 1, graph.get(),
                                   nullptr, status.get()),
      close);
  check("the model");

  const Owned<TF_Tensor> x = points();
  const TF_Output input = {TF_GraphOperationByName(graph.get(), arguments[3]), 0};
  const TF_Output output = {TF_GraphOperationByName(graph.get(), arguments[4]),
                            std::atoi(arguments[5])};
  TF_Tensor* const given = x.get();
  TF_Tensor* computed = nullptr;
  TF_SessionRun(session.get(), nullptr, &input, &given, 1, &output, &computed, 1, nullptr, 0,
                nullptr, status.get());
  check("the run");

  const Owned<TF_Tensor> result(computed, TF_DeleteTensor);
  const auto* const values = static_cast<const double*>(TF_TensorData(result.get()));
  for (int64_t i = 0; i < TF_TensorElementCount(result.get()); ++i)
    std::printf("%.17g\n", values[i]);
}
