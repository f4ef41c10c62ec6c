// The scalar math of the pinball loss and of its derivative, as in cpu.rs.
#include "loss.cuh"

// The most quantiles; as in quantiles.rs.
constexpr uint32_t MOST = 19;

// 1 - quantile where d is positive, -quantile where it is negative, or d itself where it is 0 or NaN.
template <typename T> __device__ inline T pinball_slope(T d, T quantile) {
  return d > T(0) ? T(1) - quantile : d < T(0) ? -quantile : d;
}

struct Pinball {
  // Behind the last there are zeros.
  double levels[MOST];
  __device__ uint64_t outputs() const {
    uint64_t count = 0;
    while (count < MOST && levels[count] > 0) count++;
    return count;
  }
  __device__ double f(uint64_t output, double d) const { return pinball_slope(d, levels[output]) * d; }
  template <typename T> __device__ T slope(uint64_t output, T d) const { return pinball_slope(d, T(levels[output])); }
};

// g times the slope, of operands d, quantile and g.
struct SlopeTimes {
  template <typename T> __device__ T operator()(const T (&x)[3]) const { return pinball_slope(x[0], x[1]) * x[2]; }
};

LOSS(pinball, Pinball)
ELEMENTWISE_3(slope_times, SlopeTimes)
