// The scalar math of the cosine and of its derivatives, as in cpu.rs.
//
// cosf and sinf are within 2 ulp over the whole range, unlike the intrinsics __cosf and __sinf, so the
// kernels must not be compiled with --use_fast_math. (CUDA C++ Programming Guide, "Mathematical Functions
// Appendix".)
#include "elementwise.cuh"

__device__ inline float sine(float x) { return sinf(x); }
__device__ inline double sine(double x) { return sin(x); }
__device__ inline float cosine(float x) { return cosf(x); }
__device__ inline double cosine(double x) { return cos(x); }

// cos(x + n pi/2) without rounding the sum: a cosine and its derivatives in turn.
template <int N, typename T> __device__ inline T shifted_cos(T x) {
  static_assert(0 <= N && N < 4, "four quarter turns are a whole one");
  if (N == 0) return cosine(x);
  if (N == 1) return -sine(x);
  if (N == 2) return -cosine(x);
  return sine(x);
}

// cos(x).
struct Cos {
  template <typename T> __device__ T operator()(const T (&x)[1]) const { return cosine(x[0]); }
};

// g cos(x + n pi/2).
template <int N> struct CosGrad {
  template <typename T> __device__ T operator()(const T (&operands)[2]) const {
    const T x = operands[0], g = operands[1];
    return g * shifted_cos<N>(x);
  }
};

ELEMENTWISE_1(cos, Cos)
ELEMENTWISE_2(cos_grad_0, CosGrad<0>)
ELEMENTWISE_2(cos_grad_1, CosGrad<1>)
ELEMENTWISE_2(cos_grad_2, CosGrad<2>)
ELEMENTWISE_2(cos_grad_3, CosGrad<3>)
