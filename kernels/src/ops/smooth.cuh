// What the smooth activations are made of, as in smooth.rs, on the functions of CUDA's library.
#pragma once
#include "elementwise.cuh"

__device__ inline float exponential(float x) { return expf(x); }
__device__ inline double exponential(double x) { return exp(x); }

// x w for a weight w that vanishes faster than x grows: 0 where w is 0, even if x is infinite.
template <typename T> __device__ inline T damped(T x, T w) { return w == T(0) ? w : x * w; }

// 1 / (1 + exp(-x)) and 1 / (1 + exp(x)), without overflow and both to nearly full relative precision.
template <typename T> struct Sigmoids {
  T s, q;
  __device__ explicit Sigmoids(T x) {
    const T e = exponential(x < T(0) ? x : -x);
    const T large = T(1) / (T(1) + e), small = e * large;
    s = x < T(0) ? small : large;
    q = x < T(0) ? large : small;
  }
};
