// The scalar math of mish and of its derivative, as in cpu.rs.
#include "smooth.cuh"

struct Mish {
  template <typename T> static __device__ T f(T x) {
    const Sigmoids<T> of(x);
    return damped(x, of.s * (T(1) + of.q) / (T(1) + of.q * of.q));
  }
  template <typename T> static __device__ T grad(T x, T g) {
    const Sigmoids<T> of(x);
    const T d = T(1) / (T(1) + of.q * of.q);
    const T t = of.s * (T(1) + of.q) * d, root = T(2) * of.q * d;
    return g * (t + damped(x, of.s * root * root));
  }
};

ELEMENTWISE_1(mish, Forward<Mish>)
ELEMENTWISE_2(mish_grad, Gradient<Mish>)
