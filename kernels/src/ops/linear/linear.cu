// The parts of a layer beside its matrix products: bias and relu, forward and backward. Matrices are
// row-major. Sums are accumulated in a fixed order, so they are reproducible.
#include "elementwise.cuh"

template <bool RELU, typename T> __device__ inline T activate(T x) {
  // Only NaN differs from itself, and it stays NaN.
  return !RELU || x > T(0) || x != x ? x : T(0);
}

// y <- y + bias, followed by a relu if RELU.
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

// The sum of the sums of blocks of rows, with compensation, as in gemm/blocks.rs.
template <typename T> struct BlockSum {
  T sum = T(0);
  // What rounding has taken from `sum`.
  T lost = T(0);

  __device__ void add(T x) {
    const T both = sum + x;
    const T added = both - sum;
    lost += (sum - (both - added)) + (x - added);
    sum = both;
  }

  // Where the sum is infinite, what was lost is NaN and does not count.
  __device__ T total() const { return lost == lost ? sum + lost : sum; }
};

// The most rows of a running sum.
constexpr uint32_t BLOCK_ROWS = 64;

// grad <- grad [output > 0] if RELU, and bias_grad <- its column sums, or bias_grad + those if `accumulate`.
//
// A block has blockDim.x columns and blockDim.y lanes, each with every blockDim.y-th row; the lanes of a
// column are summed pairwise. blockDim.y is a power of two, and there are at most 256 threads.
template <bool RELU, typename T>
__device__ inline void bias_grad_of(uint64_t rows, uint64_t columns, uint32_t accumulate, const T *output,
                                    T *grad, T *bias_grad) {
  __shared__ T partial[256];
  const uint64_t column = blockIdx.x * uint64_t(blockDim.x) + threadIdx.x;
  const uint32_t me = threadIdx.y * blockDim.x + threadIdx.x;
  BlockSum<T> sum;
  if (column < columns) {
    for (uint64_t row = threadIdx.y; row < rows;) {
      T block = T(0);
      // Loads of four rows under way at a time: the compiler would write out all rows of a block. With the mask
      // one row has three accesses, and four of them spill registers in f64.
#pragma unroll(RELU ? 1 : 4)
      for (uint32_t r = 0; r < BLOCK_ROWS && row < rows; r++, row += blockDim.y) {
        const uint64_t i = row * columns + column;
        if (RELU) grad[i] = output[i] > T(0) ? grad[i] : T(0);
        block += grad[i];
      }
      sum.add(block);
    }
  }
  partial[me] = sum.total();
  __syncthreads();
  for (uint32_t half = blockDim.y / 2; half > 0; half /= 2) {
    if (threadIdx.y < half) partial[me] += partial[me + half * blockDim.x];
    __syncthreads();
  }
  if (threadIdx.y == 0 && column < columns) {
    const T before = accumulate ? bias_grad[column] : T(0);
    bias_grad[column] = before + partial[me];
  }
}

#define LINEAR(SUFFIX, T)                                                                                          \
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
  }

LINEAR(f32, float)
LINEAR(f64, double)
