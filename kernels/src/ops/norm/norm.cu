// The normalisations, as in cpu.rs. A block takes one row at a time, or one column, and its sums are
// accumulated in double precision in a fixed order, so that they depend neither on the number of blocks nor
// on their order.
#include "block_sum.cuh"

// The threads of a block.
constexpr uint32_t THREADS = 128;

// As in mod.rs.
constexpr double EPSILON = 1e-5;

// What a row or a column of `count` elements `stride` apart is normalised by: its mean, or 0 if it is not
// centred, and 1 / sqrt(v + epsilon), where v is the mean of its squares, or its variance if it is centred.
template <bool CENTRED, typename T> struct Statistics {
  T mean, inverse;
  __device__ Statistics(uint64_t count, uint64_t stride, const T *x) {
    double centre = 0;
    if (CENTRED) {
      double mine = 0;
      for (uint64_t j = threadIdx.x; j < count; j += THREADS) mine += double(x[j * stride]);
      centre = block_sum<THREADS>(mine) / double(count);
    }
    double mine = 0;
    for (uint64_t j = threadIdx.x; j < count; j += THREADS) {
      const double difference = double(x[j * stride]) - centre;
      mine += difference * difference;
    }
    const double variance = block_sum<THREADS>(mine) / double(count);
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
    const Statistics<CENTRED, T> of(columns, 1, row);
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
    const Statistics<CENTRED, T> of(columns, 1, x + start);
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

// As normalise, for columns.
template <typename T>
__device__ inline void normalise_columns(uint64_t rows, uint64_t columns, const T *x, const T *scale,
                                         const T *shift, T *out) {
  for (uint64_t j = blockIdx.x; j < columns; j += gridDim.x) {
    const Statistics<true, T> of(rows, columns, x + j);
    for (uint64_t i = threadIdx.x; i < rows; i += THREADS) {
      const uint64_t at = i * columns + j;
      out[at] = (x[at] - of.mean) * of.inverse * scale[j] + shift[j];
    }
  }
}

// As differentiate, for columns, whose scale is one number.
template <typename T>
__device__ inline void differentiate_columns(uint64_t rows, uint64_t columns, const T *x, const T *scale,
                                             const T *grad, T *x_grad, T *terms) {
  for (uint64_t j = blockIdx.x; j < columns; j += gridDim.x) {
    const Statistics<true, T> of(rows, columns, x + j);
    double mine_along = 0, mine_common = 0;
    for (uint64_t i = threadIdx.x; i < rows; i += THREADS) {
      const uint64_t at = i * columns + j;
      const T term = grad[at] * ((x[at] - of.mean) * of.inverse);
      terms[at] = term;
      mine_along += double(term);
      mine_common += double(grad[at]);
    }
    const T along = T(block_sum<THREADS>(mine_along) / double(rows));
    const T common = T(block_sum<THREADS>(mine_common) / double(rows));
    for (uint64_t i = threadIdx.x; i < rows; i += THREADS) {
      const uint64_t at = i * columns + j;
      const T n = (x[at] - of.mean) * of.inverse;
      x_grad[at] = (grad[at] - common - n * along) * (of.inverse * scale[j]);
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
  }                                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS) batch_norm_##SUFFIX(                                       \
      uint64_t rows, uint64_t columns, const T *x, const T *scale, const T *shift, T *out) {                       \
    normalise_columns<T>(rows, columns, x, scale, shift, out);                                                     \
  }                                                                                                                \
  extern "C" __global__ void __launch_bounds__(THREADS) batch_norm_grad_##SUFFIX(                                  \
      uint64_t rows, uint64_t columns, const T *x, const T *scale, const T *grad, T *x_grad, T *terms) {           \
    differentiate_columns<T>(rows, columns, x, scale, grad, x_grad, terms);                                        \
  }

NORMS(f32, float)
NORMS(f64, double)
