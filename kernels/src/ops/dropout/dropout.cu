// Dropout, as in cpu.rs.
#include "elementwise.cuh"

// The number at `position`, from 0, in the sequence of SplitMix64 with this seed.
__device__ inline uint64_t number_at(uint64_t seed, uint64_t position) {
  uint64_t z = seed + 0x9e3779b97f4a7c15 * (position + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// z <- 0 where the number is below the threshold, else x times the scale.
template <typename T>
__device__ inline void drop(uint64_t len, uint64_t seed, uint64_t threshold, double scale, const T *x, T *z) {
  const T factor = T(scale);
  for (uint64_t i = first_position(); i < len; i += position_step())
    z[i] = number_at(seed, i) < threshold ? T(0) : x[i] * factor;
}

#define DROPOUT(SUFFIX, T)                                                                                         \
  extern "C" __global__ void dropout_##SUFFIX(uint64_t len, uint64_t seed, uint64_t threshold, double scale,       \
                                              const T *x, T *z) {                                                  \
    drop(len, seed, threshold, scale, x, z);                                                                       \
  }

DROPOUT(f32, float)
DROPOUT(f64, double)
