// The pieces of a training step besides the matrix products, AdamW and the elementwise operations, each as one kernel.
// Matrices are row-major. Sums are added up in a fixed order, so they are the same every time.
#include "elementwise.cuh"

// to[i] <- from[rows[i]] for `count` rows of `columns` elements.
template <typename T>
__device__ inline void gather(uint64_t count, uint64_t columns, const uint32_t *rows, const T *from, T *to) {
  constexpr uint32_t WIDTH = Pack<T>::WIDTH;
  // A pack lies in one row if rows are whole packs.
  const uint64_t width = columns % WIDTH == 0 && is_aligned(from) && is_aligned(to) ? WIDTH : 1;
  const uint64_t pieces = columns / width;
  for (uint64_t p = first_position(); p < count * pieces; p += position_step()) {
    uint64_t piece = p;
    const uint64_t row = divide(piece, pieces);
    const T *source = from + rows[row] * columns + piece * width;
    if (width == 1) {
      to[p] = *source;
    } else {
      store_pack(to + p * WIDTH, load_pack(source));
    }
  }
}

template <bool RELU, typename T> __device__ inline T activate(T x) {
  // Only NaN differs from itself, and it stays.
  return !RELU || x > T(0) || x != x ? x : T(0);
}

// y <- y + bias, and then relu if RELU.
template <bool RELU, typename T>
__device__ inline void add_bias(uint64_t len, uint64_t columns, const T *bias, T *y) {
  constexpr uint32_t WIDTH = Pack<T>::WIDTH;
  // A pack lies in one row if rows are whole packs.
  const bool packed = columns % WIDTH == 0 && is_aligned(bias) && is_aligned(y);
  const uint64_t packs = packed ? len / WIDTH : 0;
  for (uint64_t p = first_position(); p < packs; p += position_step()) {
    uint64_t column = p * WIDTH;
    divide(column, columns);
    const Pack<T> b = load_pack(bias + column);
    Pack<T> out = load_pack(y + p * WIDTH);
#pragma unroll
    for (uint32_t j = 0; j < WIDTH; j++) out.at[j] = activate<RELU>(out.at[j] + b.at[j]);
    store_pack(y + p * WIDTH, out);
  }
  for (uint64_t i = packs * WIDTH + first_position(); i < len; i += position_step()) {
    uint64_t column = i;
    divide(column, columns);
    y[i] = activate<RELU>(y[i] + bias[column]);
  }
}

// grad <- grad [output > 0] if RELU, and bias_grad <- the sums of its columns, added to what is there if `accumulate`.
//
// A block has blockDim.x columns and blockDim.y lanes, each with every blockDim.y-th row; the lanes of a column are
// added up pairwise. blockDim.y is a power of two, and there are at most 256 threads.
template <bool RELU, typename T>
__device__ inline void bias_grad_of(uint64_t rows, uint64_t columns, uint32_t accumulate, const T *output, T *grad,
                                    T *bias_grad) {
  __shared__ T partial[256];
  const uint64_t column = blockIdx.x * uint64_t(blockDim.x) + threadIdx.x;
  const uint32_t me = threadIdx.y * blockDim.x + threadIdx.x;
  T sum = T(0);
  if (column < columns) {
    for (uint64_t row = threadIdx.y; row < rows; row += blockDim.y) {
      const uint64_t i = row * columns + column;
      if (RELU) grad[i] = output[i] > T(0) ? grad[i] : T(0);
      sum += grad[i];
    }
  }
  partial[me] = sum;
  __syncthreads();
  for (uint32_t half = blockDim.y / 2; half > 0; half /= 2) {
    if (threadIdx.y < half) partial[me] += partial[me + half * blockDim.x];
    __syncthreads();
  }
  if (threadIdx.y == 0 && column < columns) bias_grad[column] = (accumulate ? bias_grad[column] : T(0)) + partial[me];
}

// With d = prediction - target: grad <- 2 d / len, and loss <- loss + weight * (the mean of d^2). For one block of 256
// threads.
template <typename T>
__device__ inline void mse_of(uint64_t len, double weight, const T *prediction, const T *target, T *grad, double *loss) {
  __shared__ double partial[256];
  const T factor = T(2) / T(len);
  double mine = 0;
  for (uint64_t i = threadIdx.x; i < len; i += blockDim.x) {
    const T difference = prediction[i] - target[i];
    grad[i] = factor * difference;
    mine += double(difference * difference);
  }
  partial[threadIdx.x] = mine;
  __syncthreads();
  for (uint32_t half = blockDim.x / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) *loss += weight * (partial[0] / double(len));
}

// flag <- 1 if an element of x is infinite or NaN, else it is left alone.
template <typename T> __device__ inline void check_of(uint64_t len, const T *x, double *flag) {
  for (uint64_t i = first_position(); i < len; i += position_step())
    // Zero times a finite number is zero. Many threads may write, and all write the same.
    if (!(x[i] * T(0) == T(0))) *flag = 1;
}

// gather takes the features and the targets of a batch: x (count, features) and y (count, targets).
#define STEP(SUFFIX, T)                                                                                            \
  extern "C" __global__ void gather_##SUFFIX(uint64_t count, const uint32_t *rows, uint64_t features,              \
                                             const T *all_x, T *x, uint64_t targets, const T *all_y, T *y) {       \
    gather(count, features, rows, all_x, x);                                                                       \
    gather(count, targets, rows, all_y, y);                                                                        \
  }                                                                                                                \
  extern "C" __global__ void add_bias_##SUFFIX(uint64_t len, uint64_t columns, const T *bias, T *y) {              \
    add_bias<false>(len, columns, bias, y);                                                                        \
  }                                                                                                                \
  extern "C" __global__ void add_bias_relu_##SUFFIX(uint64_t len, uint64_t columns, const T *bias, T *y) {         \
    add_bias<true>(len, columns, bias, y);                                                                         \
  }                                                                                                                \
  extern "C" __global__ void __launch_bounds__(256)                                                                \
      bias_grad_##SUFFIX(uint64_t rows, uint64_t columns, uint32_t accumulate, T *grad, T *bias_grad) {            \
    bias_grad_of<false, T>(rows, columns, accumulate, nullptr, grad, bias_grad);                                   \
  }                                                                                                                \
  extern "C" __global__ void __launch_bounds__(256) bias_grad_relu_##SUFFIX(                                       \
      uint64_t rows, uint64_t columns, uint32_t accumulate, const T *output, T *grad, T *bias_grad) {              \
    bias_grad_of<true>(rows, columns, accumulate, output, grad, bias_grad);                                        \
  }                                                                                                                \
  extern "C" __global__ void __launch_bounds__(256)                                                                \
      mse_##SUFFIX(uint64_t len, double weight, const T *prediction, const T *target, T *grad, double *loss) {     \
    mse_of(len, weight, prediction, target, grad, loss);                                                           \
  }                                                                                                                \
  extern "C" __global__ void check_##SUFFIX(uint64_t len, const T *x, double *flag) { check_of(len, x, flag); }

STEP(f32, float)
STEP(f64, double)
