// Sums over the threads of a block, in a fixed order, so that they are reproducible.
#pragma once
#include <stdint.h>

// The sum of `mine` over the THREADS threads of a block, for all of them.
template <uint32_t THREADS> __device__ inline double block_sum(double mine) {
  __shared__ double partial[THREADS];
  // Nobody may still read the sum before.
  __syncthreads();
  partial[threadIdx.x] = mine;
  __syncthreads();
  for (uint32_t half = THREADS / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
    __syncthreads();
  }
  return partial[0];
}
