// The mean squared error. Sums are accumulated in a fixed order, so they are reproducible.
#include "loss.cuh"

// partial[block] <- the block's share of the sum of (prediction - target)^2.
template <typename T>
__device__ inline void squares_of(uint64_t len, const T *prediction, const T *target, double *partial) {
  double mine = 0;
  for (uint64_t i = first_position(); i < len; i += position_step()) {
    const double difference = double(prediction[i] - target[i]);
    mine += difference * difference;
  }
  const double sum = block_sum<THREADS>(mine);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// One pass of a training step: grad <- share 2 (prediction - target) / len, and loss <- loss + weight * (the
// mean squared error). For one block.
template <typename T>
__device__ inline void step_of(uint64_t len, double weight, double share, const T *prediction, const T *target, T *grad,
                               double *loss) {
  const T factor = T(share * 2 / double(len));
  double mine = 0;
  for (uint64_t i = threadIdx.x; i < len; i += THREADS) {
    const T difference = prediction[i] - target[i];
    grad[i] = factor * difference;
    mine += double(difference * difference);
  }
  const double sum = block_sum<THREADS>(mine);
  if (threadIdx.x == 0) *loss += weight * (sum / double(len));
}

// (x - y) g: the gradient, for g = 2 / len times the gradient of the result.
struct DifferenceTimes {
  template <typename T> __device__ T operator()(const T (&x)[3]) const { return (x[0] - x[1]) * x[2]; }
};

#define MSE(SUFFIX, T)                                                                                             \
  extern "C" __global__ void __launch_bounds__(THREADS)                                                            \
      squares_##SUFFIX(uint64_t len, const T *prediction, const T *target, double *partial) {                      \
    squares_of(len, prediction, target, partial);                                                                  \
  }                                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS)                                                            \
      mean_##SUFFIX(uint64_t count, uint64_t len, const double *partial, T *mean) {                                \
    mean_of(count, len, partial, mean);                                                                            \
  }                                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS) mse_step_##SUFFIX(                                         \
      uint64_t len, double weight, double share, const T *prediction, const T *target, T *grad, double *loss) {    \
    step_of(len, weight, share, prediction, target, grad, loss);                                                   \
  }

MSE(f32, float)
MSE(f64, double)
ELEMENTWISE_3(difference_times, DifferenceTimes)
