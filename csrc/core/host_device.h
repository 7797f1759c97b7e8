// Marks the functions that the CUDA backend compiles too.
#pragma once

#ifdef __CUDACC__
#define BLOCKHESS_HOST_DEVICE __host__ __device__
#else
#define BLOCKHESS_HOST_DEVICE
#endif
