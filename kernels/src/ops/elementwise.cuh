// The CUDA drivers of every elementwise operation, whatever its arity, dtype and layouts.
//
// An operation supplies a functor, its scalar math on N operands of float or double. From
//
//   struct Mul {
//     template <typename T> __device__ T operator()(const T (&x)[2]) const { return x[0] * x[1]; }
//   };
//   ELEMENTWISE_2(mul, Mul)
//
// come two kernels for each dtype: mul_f32 and mul_f32_strided, and so on. launch.rs chooses between them.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>
#include <string.h>

// The type that an element is computed in: f16 and bf16 are widened to float and rounded once.
template <typename T> struct Compute { using type = T; };
template <> struct Compute<__half> { using type = float; };
template <> struct Compute<__nv_bfloat16> { using type = float; };
template <typename T> using compute_t = typename Compute<T>::type;

// As many elements as one 16-byte access moves.
template <typename T> struct Pack {
  static constexpr uint32_t WIDTH = sizeof(uint4) / sizeof(T);
  T at[WIDTH];
};

template <typename T> __device__ inline Pack<T> load_pack(const T *x) {
  const uint4 bits = *reinterpret_cast<const uint4 *>(x);
  Pack<T> pack;
  memcpy(&pack, &bits, sizeof bits);
  return pack;
}

template <typename T> __device__ inline void store_pack(T *z, const Pack<T> &pack) {
  uint4 bits;
  memcpy(&bits, &pack, sizeof bits);
  *reinterpret_cast<uint4 *>(z) = bits;
}

template <typename T> __device__ inline bool is_aligned(const T *x) {
  return reinterpret_cast<uintptr_t>(x) % sizeof(uint4) == 0;
}

// The first position of this thread, and the step to its next one: a grid of any size covers all positions.
__device__ inline uint64_t first_position() { return blockIdx.x * uint64_t(blockDim.x) + threadIdx.x; }
__device__ inline uint64_t position_step() { return gridDim.x * uint64_t(blockDim.x); }

// z[i] = f(x[0][i], ...) for i below len. Bit k of `scalars` says that x[k] is one element for all positions.
template <int N, typename F, typename T>
__device__ inline void map_dense(F f, uint64_t len, uint32_t scalars, const T *const (&x)[N], T *z) {
  using C = compute_t<T>;
  constexpr uint32_t WIDTH = Pack<T>::WIDTH;
  C constant[N];
  bool aligned = is_aligned(z);
#pragma unroll
  for (int k = 0; k < N; k++) {
    constant[k] = scalars >> k & 1 ? C(*x[k]) : C(0);
    aligned = aligned && (scalars >> k & 1 || is_aligned(x[k]));
  }
  const uint64_t packs = aligned ? len / WIDTH : 0;
  for (uint64_t p = first_position(); p < packs; p += position_step()) {
    Pack<T> in[N], out;
#pragma unroll
    for (int k = 0; k < N; k++)
      if (!(scalars >> k & 1)) in[k] = load_pack(x[k] + p * WIDTH);
#pragma unroll
    for (uint32_t j = 0; j < WIDTH; j++) {
      C v[N];
#pragma unroll
      for (int k = 0; k < N; k++) v[k] = scalars >> k & 1 ? constant[k] : C(in[k].at[j]);
      out.at[j] = T(f(v));
    }
    store_pack(z + p * WIDTH, out);
  }
  // What no pack holds: the tail, or all of an operand that starts between 16-byte boundaries.
  for (uint64_t i = packs * WIDTH + first_position(); i < len; i += position_step()) {
    C v[N];
#pragma unroll
    for (int k = 0; k < N; k++) v[k] = scalars >> k & 1 ? constant[k] : C(x[k][i]);
    z[i] = T(f(v));
  }
}

// The axes of N operands of one shape, outermost first; launch.rs fills it in.
constexpr uint32_t MAX_AXES = 16;
template <int N> struct Axes {
  uint64_t len;
  uint64_t count;
  uint64_t dims[MAX_AXES];
  uint64_t strides[N][MAX_AXES];
};

// Divides n by d and leaves the remainder in n. Division of 64 bits takes many instructions, and few tensors
// need it.
__device__ inline uint64_t divide(uint64_t &n, uint64_t d) {
  uint64_t quotient;
  if ((n | d) >> 32 == 0) {
    quotient = uint32_t(n) / uint32_t(d);
  } else {
    quotient = n / d;
  }
  n -= quotient * d;
  return quotient;
}

// z[i] = f(x[0] at position i, ...) in row-major order, for operands of any strides.
template <int N, typename F, typename T>
__device__ inline void map_strided(F f, const Axes<N> &axes, const T *const (&x)[N], T *z) {
  for (uint64_t i = first_position(); i < axes.len; i += position_step()) {
    uint64_t offset[N] = {};
    uint64_t rest = i;
    // Few tensors keep more than three axes, so unrolled code is only longer and takes registers.
#pragma unroll 1
    for (uint64_t axis = axes.count; axis-- > 0;) {
      uint64_t index = rest;
      rest = divide(index, axes.dims[axis]);
#pragma unroll
      for (int k = 0; k < N; k++) offset[k] += index * axes.strides[k][axis];
    }
    compute_t<T> v[N];
#pragma unroll
    for (int k = 0; k < N; k++) v[k] = compute_t<T>(x[k][offset[k]]);
    z[i] = T(f(v));
  }
}

// The functors of a function F that is stated by its value f and its gradient grad, as Function in unary.rs:
//
//   struct Relu {
//     template <typename T> static __device__ T f(T x) { ... }
//     template <typename T> static __device__ T grad(T x, T g) { ... }
//   };
//   ELEMENTWISE_1(relu, Forward<Relu>)
//   ELEMENTWISE_2(relu_grad, Gradient<Relu>)
template <typename F> struct Forward {
  template <typename T> __device__ T operator()(const T (&x)[1]) const { return F::f(x[0]); }
};
template <typename F> struct Gradient {
  template <typename T> __device__ T operator()(const T (&x)[2]) const { return F::grad(x[0], x[1]); }
};

// The kernels of a functor F of one, two or three operands, for one dtype T.
#define ELEMENTWISE_KERNELS_1(NAME, F, T)                                                                          \
  extern "C" __global__ void NAME(uint64_t len, uint32_t scalars, const T *x, T *z) {                              \
    const T *const operands[] = {x};                                                                               \
    map_dense(F{}, len, scalars, operands, z);                                                                     \
  }                                                                                                                \
  extern "C" __global__ void NAME##_strided(const __grid_constant__ Axes<1> axes, const T *x, T *z) {              \
    const T *const operands[] = {x};                                                                               \
    map_strided(F{}, axes, operands, z);                                                                           \
  }

#define ELEMENTWISE_KERNELS_2(NAME, F, T)                                                                          \
  extern "C" __global__ void NAME(uint64_t len, uint32_t scalars, const T *x, const T *y, T *z) {                  \
    const T *const operands[] = {x, y};                                                                            \
    map_dense(F{}, len, scalars, operands, z);                                                                     \
  }                                                                                                                \
  extern "C" __global__ void NAME##_strided(const __grid_constant__ Axes<2> axes, const T *x, const T *y, T *z) {  \
    const T *const operands[] = {x, y};                                                                            \
    map_strided(F{}, axes, operands, z);                                                                           \
  }

#define ELEMENTWISE_KERNELS_3(NAME, F, T)                                                                          \
  extern "C" __global__ void NAME(uint64_t len, uint32_t scalars, const T *x, const T *y, const T *w, T *z) {      \
    const T *const operands[] = {x, y, w};                                                                         \
    map_dense(F{}, len, scalars, operands, z);                                                                     \
  }                                                                                                                \
  extern "C" __global__ void NAME##_strided(const __grid_constant__ Axes<3> axes, const T *x, const T *y,          \
                                            const T *w, T *z) {                                                    \
    const T *const operands[] = {x, y, w};                                                                         \
    map_strided(F{}, axes, operands, z);                                                                           \
  }

#define ELEMENTWISE(KERNELS, NAME, F)      \
  KERNELS(NAME##_f16, F, __half)           \
  KERNELS(NAME##_bf16, F, __nv_bfloat16)   \
  KERNELS(NAME##_f32, F, float)            \
  KERNELS(NAME##_f64, F, double)

#define ELEMENTWISE_1(NAME, F) ELEMENTWISE(ELEMENTWISE_KERNELS_1, NAME, F)
#define ELEMENTWISE_2(NAME, F) ELEMENTWISE(ELEMENTWISE_KERNELS_2, NAME, F)
#define ELEMENTWISE_3(NAME, F) ELEMENTWISE(ELEMENTWISE_KERNELS_3, NAME, F)
