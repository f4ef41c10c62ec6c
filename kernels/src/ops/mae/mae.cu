// The scalar math of the mean absolute error and of its derivative, as in cpu.rs.
#include "loss.cuh"

// |d|, whose slope is the sign of d: 1, -1, or d itself where it is 0 or NaN.
struct Mae {
  double unused;
  __device__ uint64_t outputs() const { return 1; }
  __device__ double f(uint64_t, double d) const { return fabs(d); }
  template <typename T> __device__ T slope(uint64_t, T d) const { return d > T(0) ? T(1) : d < T(0) ? T(-1) : d; }
};

// g times the sign of d.
struct SignTimes {
  template <typename T> __device__ T operator()(const T (&x)[2]) const { return Mae{}.slope(0, x[0]) * x[1]; }
};

LOSS(mae, Mae)
ELEMENTWISE_2(sign_times, SignTimes)
