// What the losses share: sums of a block in a fixed order, so that they are reproducible; and the kernels of
// a loss that is the mean of a function of differences.
//
// An operation supplies that function and its slope for each of its outputs, the predictions of one target,
// as a struct of its parameters, of which there is at least one. From
//
//   struct Mae {
//     double unused;
//     __device__ uint64_t outputs() const { return 1; }
//     __device__ double f(uint64_t, double d) const { return fabs(d); }
//     template <typename T> __device__ T slope(uint64_t, T d) const { return ... }
//   };
//   LOSS(mae, Mae)
//
// come three kernels for each dtype: mae_parts_f32, mae_mean_f32 and mae_step_f32, and so on.
#pragma once
#include "block_sum.cuh"
#include "elementwise.cuh"

// The threads of a block that computes a sum.
constexpr uint32_t THREADS = 256;

// mean <- the sum of the `count` parts over `len`. For one block.
template <typename T>
__device__ inline void mean_of(uint64_t count, uint64_t len, const double *partial, T *mean) {
  double mine = 0;
  for (uint64_t i = threadIdx.x; i < count; i += THREADS) mine += partial[i];
  const double sum = block_sum<THREADS>(mine);
  if (threadIdx.x == 0) *mean = T(sum / double(len));
}

// partial[block] <- the block's share of the sum of f(prediction - target).
template <typename L, typename T>
__device__ inline void loss_parts(const L &loss, uint64_t len, const T *prediction, const T *target, double *partial) {
  const uint64_t outputs = loss.outputs();
  double mine = 0;
  for (uint64_t i = first_position(); i < len; i += position_step()) {
    uint64_t output = i;
    const T difference = prediction[i] - target[divide(output, outputs)];
    mine += loss.f(output, double(difference));
  }
  const double sum = block_sum<THREADS>(mine);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// One pass of a training step: grad <- share f'(prediction - target) / len, and sum <- sum + weight * (the
// mean of f). For one block.
template <typename L, typename T>
__device__ inline void loss_step(const L &loss, uint64_t len, double weight, double share, const T *prediction,
                                 const T *target, T *grad, double *sum) {
  const T factor = T(share / double(len));
  const uint64_t outputs = loss.outputs();
  double mine = 0;
  for (uint64_t i = threadIdx.x; i < len; i += THREADS) {
    uint64_t output = i;
    const T difference = prediction[i] - target[divide(output, outputs)];
    grad[i] = loss.slope(output, difference) * factor;
    mine += loss.f(output, double(difference));
  }
  const double all = block_sum<THREADS>(mine);
  if (threadIdx.x == 0) *sum += weight * (all / double(len));
}

#define LOSS_KERNELS(NAME, L, SUFFIX, T)                                                                           \
  extern "C" __global__ void __launch_bounds__(THREADS) NAME##_parts_##SUFFIX(                                     \
      uint64_t len, const T *prediction, const T *target, double *partial, const __grid_constant__ L loss) {       \
    loss_parts(loss, len, prediction, target, partial);                                                            \
  }                                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS)                                                            \
      NAME##_mean_##SUFFIX(uint64_t count, uint64_t len, const double *partial, T *mean) {                         \
    mean_of(count, len, partial, mean);                                                                            \
  }                                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS)                                                            \
      NAME##_step_##SUFFIX(uint64_t len, double weight, double share, const T *prediction, const T *target,        \
                           T *grad, double *sum, const __grid_constant__ L loss) {                                          \
    loss_step(loss, len, weight, share, prediction, target, grad, sum);                                            \
  }

#define LOSS(NAME, L)                \
  LOSS_KERNELS(NAME, L, f32, float)  \
  LOSS_KERNELS(NAME, L, f64, double)
