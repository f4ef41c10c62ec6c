// The arithmetic that CUDA C++ adds to the C library's: part of device.h.
#pragma once
#include <climits>
#include <cmath>
#include <limits>

template <class T, class U> emu::number2<T, U> max(T a, U b) {
  using R = emu::number2<T, U>;
  if constexpr (std::is_floating_point_v<R>) return fmax(R(a), R(b));
  else return R(a) > R(b) ? R(a) : R(b);
}
template <class T, class U> emu::number2<T, U> min(T a, U b) {
  using R = emu::number2<T, U>;
  if constexpr (std::is_floating_point_v<R>) return fmin(R(a), R(b));
  else return R(a) < R(b) ? R(a) : R(b);
}
#define EMU_F1(NAME, T, EXPR) template <class X> T NAME(X arg) { T x = T(arg); return EXPR; }
EMU_F1(rsqrtf, float, 1.0f / sqrtf(x))
EMU_F1(rsqrt, double, 1.0 / sqrt(x))
EMU_F1(rcbrtf, float, 1.0f / cbrtf(x))
EMU_F1(rcbrt, double, 1.0 / cbrt(x))
EMU_F1(normcdff, float, 0.5f * erfcf(-x * 0.70710678118654752440f))
EMU_F1(normcdf, double, 0.5 * erfc(-x * 0.70710678118654752440))
EMU_F1(sinpif, float, float(sin(M_PI * fmod(double(x), 2.0))))
EMU_F1(cospif, float, float(cos(M_PI * fmod(double(x), 2.0))))
EMU_F1(sinpi, double, sin(M_PI * fmod(x, 2.0)))
EMU_F1(cospi, double, cos(M_PI * fmod(x, 2.0)))
EMU_F1(__saturatef, float, fminf(fmaxf(x, 0.0f), 1.0f))
EMU_F1(__frsqrt_rn, float, 1.0f / sqrtf(x))
EMU_F1(__frcp_rn, float, 1.0f / x)
EMU_F1(__fsqrt_rn, float, sqrtf(x))
EMU_F1(__dsqrt_rn, double, sqrt(x))
EMU_F1(__drcp_rn, double, 1.0 / x)
// The C library's header declares functions of these names without defining them.
#define __expf expf
#define __exp10f exp10f
#define __logf logf
#define __log2f log2f
#define __log10f log10f
#define __powf powf
#define __sinf sinf
#define __cosf cosf
#define __tanf tanf
#define __sincosf sincosf
inline float __fdividef(float a, float b) { return a / b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
inline int __clz(int v) { return v ? __builtin_clz(unsigned(v)) : 32; }
inline int __clzll(long long v) { return v ? __builtin_clzll(v) : 64; }
inline int __ffs(int v) { return __builtin_ffs(v); }
inline int __ffsll(long long v) { return __builtin_ffsll(v); }
inline unsigned __brev(unsigned v) {
  unsigned r = 0;
  for (int i = 0; i < 32; i++) r |= (v >> i & 1u) << (31 - i);
  return r;
}
inline int __mulhi(int a, int b) { return int((long long)a * b >> 32); }
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned((unsigned long long)a * b >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) { return (unsigned long long)((unsigned __int128)a * b >> 64); }
inline int __float_as_int(float v) { return emu::bits<int>(v); }
inline unsigned __float_as_uint(float v) { return emu::bits<unsigned>(v); }
inline float __int_as_float(int v) { return emu::bits<float>(v); }
inline float __uint_as_float(unsigned v) { return emu::bits<float>(v); }
inline long long __double_as_longlong(double v) { return emu::bits<long long>(v); }
inline double __longlong_as_double(long long v) { return emu::bits<double>(v); }
inline long long __mul64hi(long long a, long long b) { return (long long)((__int128)a * b >> 64); }
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned by) { return unsigned(((uint64_t)high << 32 | low) << (by & 31) >> 32); }
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned by) { return unsigned(((uint64_t)high << 32 | low) >> (by & 31)); }
inline int __double2hiint(double v) { return int(emu::bits<uint64_t>(v) >> 32); }
inline int __double2loint(double v) { return int(emu::bits<uint64_t>(v)); }
inline double __hiloint2double(int high, int low) { return emu::bits<double>((uint64_t)(unsigned)high << 32 | (unsigned)low); }
// Conversions to integers saturate and take NaN to 0 (to the least value for 64 bits and for doubles), as on a GPU.
namespace emu {
template <class To, class From> To to_integer(From v, From rounded, To nan) {
  using Limits = std::numeric_limits<To>;
  if (v != v) return nan;
  if (rounded >= std::ldexp(From(1), Limits::digits)) return Limits::max();
  return rounded < From(Limits::min()) ? Limits::min() : To(rounded);
}
}  // namespace emu
#define EMU_TO_INTEGER(FROM, NAME, T, TO, NAN_VALUE)                                                         \
  inline TO __##FROM##2##NAME##_rn(T v) { return emu::to_integer<TO, T>(v, std::nearbyint(v), NAN_VALUE); }  \
  inline TO __##FROM##2##NAME##_rz(T v) { return emu::to_integer<TO, T>(v, std::trunc(v), NAN_VALUE); }      \
  inline TO __##FROM##2##NAME##_rd(T v) { return emu::to_integer<TO, T>(v, std::floor(v), NAN_VALUE); }      \
  inline TO __##FROM##2##NAME##_ru(T v) { return emu::to_integer<TO, T>(v, std::ceil(v), NAN_VALUE); }
EMU_TO_INTEGER(float, int, float, int, 0)
EMU_TO_INTEGER(float, uint, float, unsigned, 0)
EMU_TO_INTEGER(float, ll, float, long long, LLONG_MIN)
EMU_TO_INTEGER(float, ull, float, unsigned long long, 1ull << 63)
EMU_TO_INTEGER(double, int, double, int, INT_MIN)
EMU_TO_INTEGER(double, uint, double, unsigned, 1u << 31)
EMU_TO_INTEGER(double, ll, double, long long, LLONG_MIN)
EMU_TO_INTEGER(double, ull, double, unsigned long long, 1ull << 63)
inline float __int2float_rn(int v) { return float(v); }
inline float __uint2float_rn(unsigned v) { return float(v); }
inline float __ll2float_rn(long long v) { return float(v); }
inline float __ull2float_rn(unsigned long long v) { return float(v); }
inline float __double2float_rn(double v) { return float(v); }
inline double __int2double_rn(int v) { return v; }
inline double __uint2double_rn(unsigned v) { return v; }
inline double __ll2double_rn(long long v) { return double(v); }
inline double __ull2double_rn(unsigned long long v) { return double(v); }

// Half-precision functions that the toolkit's headers declare for devices only.
#define EMU_HALF(H, H2, WIDE, NARROW, LOW, HIGH, PAIR, NAME, EXPR)              \
  inline H h##NAME(H h) { float x = WIDE(h); return NARROW(EXPR); }             \
  inline H2 h2##NAME(H2 v) { return PAIR(h##NAME(LOW(v)), h##NAME(HIGH(v))); }
#define EMU_HALVES(NAME, EXPR)                                                                                          \
  EMU_HALF(__half, __half2, __half2float, __float2half, __low2half, __high2half, __halves2half2, NAME, EXPR)            \
  EMU_HALF(__nv_bfloat16, __nv_bfloat162, __bfloat162float, __float2bfloat16, __low2bfloat16, __high2bfloat16, __halves2bfloat162, NAME, EXPR)
EMU_HALVES(sqrt, sqrtf(x)) EMU_HALVES(rsqrt, 1.0f / sqrtf(x)) EMU_HALVES(rcp, 1.0f / x)
EMU_HALVES(exp, expf(x)) EMU_HALVES(exp2, exp2f(x)) EMU_HALVES(exp10, powf(10.0f, x))
EMU_HALVES(log, logf(x)) EMU_HALVES(log2, log2f(x)) EMU_HALVES(log10, log10f(x))
EMU_HALVES(sin, sinf(x)) EMU_HALVES(cos, cosf(x)) EMU_HALVES(tanh, tanhf(x))
EMU_HALVES(ceil, ceilf(x)) EMU_HALVES(floor, floorf(x)) EMU_HALVES(trunc, truncf(x)) EMU_HALVES(rint, rintf(x))
#define EMU_HFMA(H, H2, WIDE, NARROW, LOW, HIGH, PAIR)                                              \
  inline H __hfma(H a, H b, H c) { return NARROW(fmaf(WIDE(a), WIDE(b), WIDE(c))); }                \
  inline H2 __hfma2(H2 a, H2 b, H2 c) { return PAIR(__hfma(LOW(a), LOW(b), LOW(c)), __hfma(HIGH(a), HIGH(b), HIGH(c))); }
EMU_HFMA(__half, __half2, __half2float, __float2half, __low2half, __high2half, __halves2half2)
EMU_HFMA(__nv_bfloat16, __nv_bfloat162, __bfloat162float, __float2bfloat16, __low2bfloat16, __high2bfloat16, __halves2bfloat162)
