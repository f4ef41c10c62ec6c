// What happens to gradients before an optimiser's update and to parameters after it, as in cpu.rs.
#include "block_sum.cuh"
#include "elementwise.cuh"

// The threads of the block that computes a sum.
constexpr uint32_t THREADS = 256;

// sum <- sum + the squares of x, in a fixed order. For one block.
template <typename T> __device__ inline void add_squares_of(uint64_t len, const T *x, double *sum) {
  double mine = 0;
  for (uint64_t i = threadIdx.x; i < len; i += THREADS) mine += double(x[i]) * double(x[i]);
  const double all = block_sum<THREADS>(mine);
  if (threadIdx.x == 0) *sum += all;
}

// By what gradients are multiplied so that their norm, the root of `squares`, is at most `bound`; NaN for a norm
// that is NaN.
__device__ inline double norm_scale(double bound, double squares) {
  const double ratio = bound / (sqrt(squares) + 1e-6);
  return ratio > 1 ? 1 : ratio;
}

// Each x becomes f(x, y) of its pass; `squares` is the sum that add_squares made.
#define PASS(NAME, SUFFIX, T, EXPRESSION)                                                                          \
  extern "C" __global__ void NAME##_##SUFFIX(uint64_t len, double factor, const double *squares, T *all_x,         \
                                             const T *all_y) {                                                     \
    for (uint64_t i = first_position(); i < len; i += position_step()) {                                           \
      const T x = all_x[i];                                                                                        \
      all_x[i] = (EXPRESSION);                                                                                     \
    }                                                                                                              \
  }

#define PASSES(SUFFIX, T)                                                                                          \
  extern "C" __global__ void __launch_bounds__(THREADS)                                                            \
      add_squares_##SUFFIX(uint64_t len, const T *x, double *sum) {                                                \
    add_squares_of(len, x, sum);                                                                                   \
  }                                                                                                                \
  PASS(clip_norm, SUFFIX, T, x *T(norm_scale(factor, *squares)))                                                   \
  PASS(clip_value, SUFFIX, T, x > T(factor) ? T(factor) : x < -T(factor) ? -T(factor) : x)                         \
  PASS(add_scaled, SUFFIX, T, x + T(factor) * all_y[i])                                                            \
  PASS(shrink, SUFFIX, T, x > T(factor) ? x - T(factor) : x < -T(factor) ? x + T(factor) : x * T(0))               \
  PASS(average, SUFFIX, T, x + T(factor) * (all_y[i] - x))

PASSES(f32, float)
PASSES(f64, double)
