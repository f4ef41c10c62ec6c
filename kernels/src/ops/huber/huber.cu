// The scalar math of Huber's loss and of its derivatives, as in cpu.rs.
#include "loss.cuh"

// d clamped to [-delta, delta]; NaN stays NaN.
template <typename T> __device__ inline T clamped(T d, T delta) {
  return d > delta ? delta : d < -delta ? -delta : d;
}

// d^2 / 2 where |d| is at most delta, else delta (|d| - delta / 2).
struct Huber {
  double delta;
  __device__ uint64_t outputs() const { return 1; }
  __device__ double f(uint64_t, double d) const {
    const double size = fabs(d);
    return size <= delta ? 0.5 * d * d : delta * (size - 0.5 * delta);
  }
  template <typename T> __device__ T slope(uint64_t, T d) const { return clamped(d, T(delta)); }
};

// g times d clamped to [-delta, delta].
struct ClampTimes {
  template <typename T> __device__ T operator()(const T (&x)[3]) const { return clamped(x[0], x[1]) * x[2]; }
};

// g where |d| < delta, else 0.
struct Inside {
  template <typename T> __device__ T operator()(const T (&x)[3]) const {
    return -x[1] < x[0] && x[0] < x[1] ? x[2] : T(0);
  }
};

LOSS(huber, Huber)
ELEMENTWISE_3(clamp_times, ClampTimes)
ELEMENTWISE_3(inside, Inside)
