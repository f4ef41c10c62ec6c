// Softmax and its logarithm, as in cpu.rs. A block takes one slice at a time, and its sums are accumulated in
// double precision in a fixed order, so that they depend neither on the number of blocks nor on their order.
#include "block_sum.cuh"
#include "smooth.cuh"

// The threads of a block.
constexpr uint32_t THREADS = 128;

// The largest `mine` of the threads of a block, for all of them; NaN is passed over.
template <typename T> __device__ inline T block_largest(T mine) {
  __shared__ T partial[THREADS];
  // Nobody may still read the one before.
  __syncthreads();
  partial[threadIdx.x] = mine;
  __syncthreads();
  for (uint32_t half = THREADS / 2; half > 0; half /= 2) {
    if (threadIdx.x < half && partial[threadIdx.x + half] > partial[threadIdx.x])
      partial[threadIdx.x] = partial[threadIdx.x + half];
    __syncthreads();
  }
  return partial[0];
}

// The first element of slice i, of `len` elements `stride` apart.
__device__ inline uint64_t start_of(uint64_t i, uint64_t len, uint64_t stride) {
  return i / stride * len * stride + i % stride;
}

// z <- softmax(x), or its logarithm, of each of `count` slices.
template <bool LOGARITHM, typename T>
__device__ inline void softmax(uint64_t count, uint64_t len, uint64_t stride, const T *x, T *z) {
  for (uint64_t i = blockIdx.x; i < count; i += gridDim.x) {
    const uint64_t start = start_of(i, len, stride);
    T mine = T(-INFINITY);
    for (uint64_t j = threadIdx.x; j < len; j += THREADS) {
      const T element = x[start + j * stride];
      mine = element > mine ? element : mine;
    }
    const T largest = block_largest(mine);
    double terms = 0;
    for (uint64_t j = threadIdx.x; j < len; j += THREADS) {
      const T e = exponential(x[start + j * stride] - largest);
      if (!LOGARITHM) z[start + j * stride] = e;
      terms += double(e);
    }
    const double sum = block_sum<THREADS>(terms);
    const T by = LOGARITHM ? T(log(sum)) : T(1 / sum);
    for (uint64_t j = threadIdx.x; j < len; j += THREADS) {
      const uint64_t at = start + j * stride;
      z[at] = LOGARITHM ? x[at] - largest - by : z[at] * by;
    }
  }
}

// x_grad <- z (g - sum(g z)), or g - exp(z) sum(g), with g = grad.
template <bool LOGARITHM, typename T>
__device__ inline void softmax_grad(uint64_t count, uint64_t len, uint64_t stride, const T *z, const T *grad,
                                    T *x_grad) {
  for (uint64_t i = blockIdx.x; i < count; i += gridDim.x) {
    const uint64_t start = start_of(i, len, stride);
    double mine = 0;
    for (uint64_t j = threadIdx.x; j < len; j += THREADS) {
      const uint64_t at = start + j * stride;
      mine += LOGARITHM ? double(grad[at]) : double(grad[at]) * double(z[at]);
    }
    const T sum = T(block_sum<THREADS>(mine));
    for (uint64_t j = threadIdx.x; j < len; j += THREADS) {
      const uint64_t at = start + j * stride;
      x_grad[at] = LOGARITHM ? grad[at] - exponential(z[at]) * sum : z[at] * (grad[at] - sum);
    }
  }
}

#define SOFTMAX(NAME, LOGARITHM, SUFFIX, T)                                                                        \
  extern "C" __global__ void __launch_bounds__(THREADS)                                                            \
      NAME##_##SUFFIX(uint64_t count, uint64_t len, uint64_t stride, const T *x, T *z) {                           \
    softmax<LOGARITHM, T>(count, len, stride, x, z);                                                               \
  }                                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS)                                                            \
      NAME##_grad_##SUFFIX(uint64_t count, uint64_t len, uint64_t stride, const T *z, const T *grad, T *x_grad) {  \
    softmax_grad<LOGARITHM, T>(count, len, stride, z, grad, x_grad);                                               \
  }

SOFTMAX(softmax, false, f32, float)
SOFTMAX(softmax, false, f64, double)
SOFTMAX(log_softmax, true, f32, float)
SOFTMAX(log_softmax, true, f64, double)
