// The normalisations of rows, as in cpu.rs. A block takes one row at a time, and its sums are accumulated in
// double precision in a fixed order, so that they depend neither on the number of blocks nor on their order.
#include "block_sum.cuh"

// The threads of a block.
constexpr uint32_t THREADS = 128;

// As in mod.rs.
constexpr double EPSILON = 1e-5;

// What a row is normalised by: its mean, or 0 if it is not centred, and 1 / sqrt(v + epsilon), where v is the
// mean of its squares, or its variance if it is centred.
template <bool CENTRED, typename T> struct Statistics {
  T mean, inverse;
  __device__ Statistics(uint64_t columns, const T *x) {
    double centre = 0;
    if (CENTRED) {
      double mine = 0;
      for (uint64_t j = threadIdx.x; j < columns; j += THREADS) mine += double(x[j]);
      centre = block_sum<THREADS>(mine) / double(columns);
    }
    double mine = 0;
    for (uint64_t j = threadIdx.x; j < columns; j += THREADS) {
      const double difference = double(x[j]) - centre;
      mine += difference * difference;
    }
    const double variance = block_sum<THREADS>(mine) / double(columns);
    mean = T(centre);
    inverse = T(1 / sqrt(variance + EPSILON));
  }
};

// out <- (x - mean) inverse scale, and + shift if it is centred.
template <bool CENTRED, typename T>
__device__ inline void normalise(uint64_t rows, uint64_t columns, const T *x, const T *scale, const T *shift,
                                 T *out) {
  for (uint64_t i = blockIdx.x; i < rows; i += gridDim.x) {
    const T *row = x + i * columns;
    const Statistics<CENTRED, T> of(columns, row);
    for (uint64_t j = threadIdx.x; j < columns; j += THREADS) {
      const T scaled = (row[j] - of.mean) * of.inverse * scale[j];
      out[i * columns + j] = CENTRED ? scaled + shift[j] : scaled;
    }
  }
}

// With n = (x - mean) inverse and h = grad scale: x_grad <- inverse (h - n mean(h n)), less inverse mean(h) if
// it is centred, and terms <- grad n.
template <bool CENTRED, typename T>
__device__ inline void differentiate(uint64_t rows, uint64_t columns, const T *x, const T *scale,
                                     const T *grad, T *x_grad, T *terms) {
  for (uint64_t i = blockIdx.x; i < rows; i += gridDim.x) {
    const uint64_t start = i * columns;
    const Statistics<CENTRED, T> of(columns, x + start);
    double mine_along = 0, mine_common = 0;
    for (uint64_t j = threadIdx.x; j < columns; j += THREADS) {
      const T term = grad[start + j] * ((x[start + j] - of.mean) * of.inverse);
      terms[start + j] = term;
      mine_along += double(term) * double(scale[j]);
      if (CENTRED) mine_common += double(grad[start + j]) * double(scale[j]);
    }
    const T along = T(block_sum<THREADS>(mine_along) / double(columns));
    const T common = CENTRED ? T(block_sum<THREADS>(mine_common) / double(columns)) : T(0);
    for (uint64_t j = threadIdx.x; j < columns; j += THREADS) {
      const T n = (x[start + j] - of.mean) * of.inverse;
      x_grad[start + j] = (grad[start + j] * scale[j] - common - n * along) * of.inverse;
    }
  }
}

#define NORMS(SUFFIX, T)                                                                                           \
  extern "C" __global__ void __launch_bounds__(THREADS)                                                            \
      rms_norm_##SUFFIX(uint64_t rows, uint64_t columns, const T *x, const T *scale, T *out) {                     \
    normalise<false, T>(rows, columns, x, scale, nullptr, out);                                                    \
  }                                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS) layer_norm_##SUFFIX(                                       \
      uint64_t rows, uint64_t columns, const T *x, const T *scale, const T *shift, T *out) {                       \
    normalise<true, T>(rows, columns, x, scale, shift, out);                                                       \
  }                                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS) rms_norm_grad_##SUFFIX(                                    \
      uint64_t rows, uint64_t columns, const T *x, const T *scale, const T *grad, T *x_grad, T *terms) {           \
    differentiate<false, T>(rows, columns, x, scale, grad, x_grad, terms);                                         \
  }                                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS) layer_norm_grad_##SUFFIX(                                  \
      uint64_t rows, uint64_t columns, const T *x, const T *scale, const T *grad, T *x_grad, T *terms) {           \
    differentiate<true, T>(rows, columns, x, scale, grad, x_grad, terms);                                          \
  }

NORMS(f32, float)
NORMS(f64, double)
