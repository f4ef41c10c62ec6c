// The scalar math of the maximum and of its derivative, as in cpu.rs.
#include "elementwise.cuh"

// The larger of x and y; NaN if either is NaN.
struct Maximum {
  template <typename T> __device__ T operator()(const T (&operands)[2]) const {
    const T x = operands[0], y = operands[1];
    // Only NaN differs from itself; a NaN in y falls through to the last branch.
    return x > y || x != x ? x : y;
  }
};

enum class TieShare { All, Half, Nothing };

// The gradient of x: g where x > y, its share of g where x = y, else 0.
template <TieShare SHARE> struct MaximumGrad {
  template <typename T> __device__ T operator()(const T (&operands)[3]) const {
    const T x = operands[0], y = operands[1], g = operands[2];
    if (x > y) return g;
    if (x == y) return SHARE == TieShare::All ? g : SHARE == TieShare::Half ? g * T(0.5) : T(0);
    return T(0);
  }
};

ELEMENTWISE_2(maximum, Maximum)
ELEMENTWISE_3(maximum_grad_all, MaximumGrad<TieShare::All>)
ELEMENTWISE_3(maximum_grad_half, MaximumGrad<TieShare::Half>)
ELEMENTWISE_3(maximum_grad_nothing, MaximumGrad<TieShare::Nothing>)
