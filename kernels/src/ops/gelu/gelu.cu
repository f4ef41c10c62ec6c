// The scalar math of the Gaussian error linear unit and of its derivative, as in cpu.rs, with the distribution
// function of the standard normal distribution of CUDA's library.
#include "smooth.cuh"

__device__ inline float distribution(float x) { return normcdff(x); }
__device__ inline double distribution(double x) { return normcdf(x); }

struct Gelu {
  template <typename T> static __device__ T f(T x) { return damped(x, distribution(x)); }
  template <typename T> static __device__ T grad(T x, T g) {
    const T density = T(0.39894228040143267794) * exponential(-(x * x) * T(0.5));
    return g * (distribution(x) + damped(x, density));
  }
};

ELEMENTWISE_1(gelu, Forward<Gelu>)
ELEMENTWISE_2(gelu_grad, Gradient<Gelu>)
