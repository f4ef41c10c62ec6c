// The scalar math of the product, as in cpu.rs.
#include "elementwise.cuh"

// x y.
struct Mul {
  template <typename T> __device__ T operator()(const T (&x)[2]) const { return x[0] * x[1]; }
};

ELEMENTWISE_2(mul, Mul)
