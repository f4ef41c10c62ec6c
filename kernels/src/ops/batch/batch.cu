// What a training step does beside operations: gathering a batch, sums, and the check for what is not finite.
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

// x + y.
struct Add {
  template <typename T> __device__ T operator()(const T (&x)[2]) const { return x[0] + x[1]; }
};

// flag <- 1 if an element of x is infinite or NaN, else it is left alone.
template <typename T> __device__ inline void check_of(uint64_t len, const T *x, double *flag) {
  for (uint64_t i = first_position(); i < len; i += position_step())
    // Zero times a finite number is zero. Many threads may write, and all write the same.
    if (!(x[i] * T(0) == T(0))) *flag = 1;
}

// out[i][to + k] <- x[i][from + k] for `rows` rows and `count` columns.
template <typename T>
__device__ inline void copy_columns(uint64_t rows, uint64_t count, uint64_t width, uint64_t from, uint64_t out_width,
                                    uint64_t to, const T *x, T *out) {
  for (uint64_t p = first_position(); p < rows * count; p += position_step()) {
    uint64_t column = p;
    const uint64_t row = divide(column, count);
    out[row * out_width + to + column] = x[row * width + from + column];
  }
}

__device__ inline float square_root(float x) { return sqrtf(x); }
__device__ inline double square_root(double x) { return sqrt(x); }

// z[i][j] <- min(max(scale[j] x[i][feature[j]] + shift[j], low[j]), high[j]), where a feature that x does not have is 0,
// and then z / sqrt(1 + bend[j] z^2) if there is a bend.
template <typename T>
__device__ inline void encode(uint64_t rows, uint64_t features, uint64_t columns, const T *feature, const T *scale,
                              const T *shift, const T *low, const T *high, const T *bend, uint64_t has_bend, const T *x, T *z) {
  for (uint64_t p = first_position(); p < rows * columns; p += position_step()) {
    uint64_t column = p;
    const uint64_t row = divide(column, columns);
    const uint64_t number = uint64_t(feature[column]);
    const T line = (number < features ? x[row * features + number] : T(0)) * scale[column] + shift[column];
    const T above = line < low[column] ? low[column] : line;
    const T bounded = above > high[column] ? high[column] : above;
    z[p] = has_bend ? bounded / square_root(T(1) + bend[column] * bounded * bounded) : bounded;
  }
}

// gather takes the features and the targets of a batch: x (count, features) and y (count, targets).
#define BATCH(SUFFIX, T)                                                                                           \
  extern "C" __global__ void gather_##SUFFIX(uint64_t count, const uint32_t *rows, uint64_t features,              \
                                             const T *all_x, T *x, uint64_t targets, const T *all_y, T *y) {       \
    gather(count, features, rows, all_x, x);                                                                       \
    gather(count, targets, rows, all_y, y);                                                                        \
  }                                                                                                                \
  extern "C" __global__ void check_##SUFFIX(uint64_t len, const T *x, double *flag) { check_of(len, x, flag); }    \
  extern "C" __global__ void columns_##SUFFIX(uint64_t rows, uint64_t count, uint64_t width, uint64_t from,         \
                                              uint64_t out_width, uint64_t to, const T *x, T *out) {               \
    copy_columns(rows, count, width, from, out_width, to, x, out);                                                 \
  }                                                                                                                \
  extern "C" __global__ void encode_##SUFFIX(uint64_t rows, uint64_t features, uint64_t columns, const T *feature, \
                                             const T *scale, const T *shift, const T *low, const T *high,          \
                                             const T *bend, uint64_t has_bend, const T *x, T *z) {                 \
    encode(rows, features, columns, feature, scale, shift, low, high, bend, has_bend, x, z);                       \
  }

BATCH(f32, float)
BATCH(f64, double)
ELEMENTWISE_2(add, Add)
