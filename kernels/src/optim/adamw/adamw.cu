// The update of one parameter, as in cpu.rs.
#include "elementwise.cuh"

// The coefficients of one step; coefficients.rs computes them.
template <typename T> struct StepCoefficients {
  T beta1, one_minus_beta1, beta2, one_minus_beta2, second_moment_scale, eps, decay, step_size;
};

// The moments are of the type that an element is computed in.
template <typename C, typename T>
__device__ inline void update(const StepCoefficients<C> &c, T &p, C &m, C &v, const T grad) {
  const C g = C(grad);
  m = m * c.beta1 + g * c.one_minus_beta1;
  v = v * c.beta2 + g * g * c.one_minus_beta2;
  const C direction = m / (sqrt(v) * c.second_moment_scale + c.eps);
  p = T(C(p) * c.decay - direction * c.step_size);
}

// The moments of a pack of WIDTH elements: one pack of them, or two if an element has 16 bits.
template <typename C, uint32_t WIDTH> struct Moments {
  Pack<C> packs[WIDTH / Pack<C>::WIDTH];
  __device__ C &operator[](uint32_t j) { return packs[j / Pack<C>::WIDTH].at[j % Pack<C>::WIDTH]; }
};

template <uint32_t WIDTH, typename C> __device__ inline Moments<C, WIDTH> load_moments(const C *x) {
  Moments<C, WIDTH> moments;
#pragma unroll
  for (uint32_t k = 0; k < WIDTH / Pack<C>::WIDTH; k++) moments.packs[k] = load_pack(x + k * Pack<C>::WIDTH);
  return moments;
}

template <uint32_t WIDTH, typename C> __device__ inline void store_moments(C *x, const Moments<C, WIDTH> &moments) {
#pragma unroll
  for (uint32_t k = 0; k < WIDTH / Pack<C>::WIDTH; k++) store_pack(x + k * Pack<C>::WIDTH, moments.packs[k]);
}

// All four start on a 16-byte boundary, as allocations do, or `g` at least is read one by one.
template <typename C, typename T>
__device__ inline void update_all(uint64_t len, const StepCoefficients<C> &c, T *p, C *m, C *v, const T *g) {
  constexpr uint32_t WIDTH = Pack<T>::WIDTH;
  const bool aligned = is_aligned(p) && is_aligned(m) && is_aligned(v) && is_aligned(g);
  const uint64_t packs = aligned ? len / WIDTH : 0;
  for (uint64_t i = first_position(); i < packs; i += position_step()) {
    const uint64_t at = i * WIDTH;
    Pack<T> ps = load_pack(p + at);
    Moments<C, WIDTH> ms = load_moments<WIDTH>(m + at), vs = load_moments<WIDTH>(v + at);
    const Pack<T> gs = load_pack(g + at);
#pragma unroll
    for (uint32_t j = 0; j < WIDTH; j++) update(c, ps.at[j], ms[j], vs[j], gs.at[j]);
    store_pack(p + at, ps);
    store_moments<WIDTH>(m + at, ms);
    store_moments<WIDTH>(v + at, vs);
  }
  for (uint64_t i = packs * WIDTH + first_position(); i < len; i += position_step())
    update(c, p[i], m[i], v[i], g[i]);
}

#define ADAMW(NAME, T)                                                                                             \
  extern "C" __global__ void NAME(uint64_t len, const __grid_constant__ StepCoefficients<compute_t<T>> c, T *p,    \
                                  compute_t<T> *m, compute_t<T> *v, const T *g) {                                  \
    update_all(len, c, p, m, v, g);                                                                                \
  }

ADAMW(adamw_f16, __half)
ADAMW(adamw_bf16, __nv_bfloat16)
ADAMW(adamw_f32, float)
ADAMW(adamw_f64, double)
