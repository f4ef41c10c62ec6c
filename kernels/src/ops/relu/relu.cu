// The scalar math of the rectified linear unit and of its derivative, as in cpu.rs.
#include "elementwise.cuh"

struct Relu {
  // Only NaN differs from itself.
  template <typename T> static __device__ T f(T x) { return x > T(0) || x != x ? x : T(0); }
  template <typename T> static __device__ T grad(T x, T g) { return x > T(0) ? g : T(0); }
};

ELEMENTWISE_1(relu, Forward<Relu>)
ELEMENTWISE_2(relu_grad, Gradient<Relu>)
