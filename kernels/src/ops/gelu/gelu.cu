// The scalar math of the Gaussian error linear unit and of its derivative, as in cpu.rs.
#include "smooth.cuh"

__device__ inline float complement(float x) { return erfcf(x); }
__device__ inline double complement(double x) { return erfc(x); }

// The distribution function of the standard normal distribution.
template <typename T> __device__ inline T distribution(T x) {
  return T(0.5) * complement(-x * T(0.70710678118654752440));
}

struct Gelu {
  template <typename T> static __device__ T f(T x) { return damped(x, distribution(x)); }
  template <typename T> static __device__ T grad(T x, T g) {
    const T density = T(0.39894228040143267794) * exponential(-(x * x) * T(0.5));
    return g * (distribution(x) + damped(x, density));
  }
};

ELEMENTWISE_1(gelu, Forward<Gelu>)
ELEMENTWISE_2(gelu_grad, Gradient<Gelu>)
