// The scalar math of the sigmoid linear unit and of its derivative, as in cpu.rs.
#include "smooth.cuh"

struct Silu {
  template <typename T> static __device__ T f(T x) { return damped(x, Sigmoids<T>(x).s); }
  template <typename T> static __device__ T grad(T x, T g) {
    const Sigmoids<T> of(x);
    return g * (of.s + damped(x, of.s * of.q));
  }
};

ELEMENTWISE_1(silu, Forward<Silu>)
ELEMENTWISE_2(silu_grad, Gradient<Silu>)
