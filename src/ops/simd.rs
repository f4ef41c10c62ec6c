//! Vectors of the machine's best instruction set, for both types that scalar math is written in.
//!
//! Code is generic over [`Simd`] and compiled once for each instruction set: AVX-512, AVX2 with FMA, and the plain one of
//! the target. [`run`] chooses when the program runs. `TAPER_SIMD=avx2` or `plain` in the environment forbids better
//! ones, for tests and for comparison.

use std::any::TypeId;
use std::env;
use std::fmt::Debug;
use std::sync::OnceLock;

pub(crate) use pulp::{Simd, WithSimd};

use crate::ops::Real;

/// The bytes of a line of the cache, and of the largest register.
pub(crate) const LINE_BYTES: usize = 64;

/// Runs `work` with the best instruction set.
pub(crate) fn run<W: WithSimd>(work: W) -> W::Output {
    static BEST: OnceLock<Best> = OnceLock::new();
    match BEST.get_or_init(Best::choose) {
        Best::Any(arch) => arch.dispatch(work),
        #[cfg(target_arch = "x86_64")]
        Best::Avx2(simd) => Simd::vectorize(*simd, work),
        Best::Plain => Simd::vectorize(pulp::Scalar128b, work),
    }
}

/// Vectors of four numbers, which the compiler makes of what every machine of the target has.
type Plain = pulp::Scalar128b;

enum Best {
    Any(pulp::Arch),
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    Plain,
}

impl Best {
    fn choose() -> Self {
        match env::var("TAPER_SIMD").as_deref() {
            #[cfg(target_arch = "x86_64")]
            Ok("avx2") => pulp::x86::V3::try_new().map_or(Self::Plain, Self::Avx2),
            Ok("plain") => Self::Plain,
            _ => match pulp::Arch::new() {
                pulp::Arch::Scalar => Self::Plain,
                arch => Self::Any(arch),
            },
        }
    }
}

/// Whether the instruction set rounds a b + c once. Where none does, the library function that would is many times slower.
#[inline(always)]
pub(crate) fn fuses<S: Simd>() -> bool {
    TypeId::of::<S>() != TypeId::of::<Plain>()
}

/// A number with vectors.
pub(crate) trait Lanes: Real + Debug + Send + Sync + 'static {
    /// As many numbers as a register holds.
    type Vector<S: Simd>: Copy;

    /// How many numbers a register holds.
    fn count<S: Simd>() -> usize;

    /// Every lane is `x`.
    fn splat<S: Simd>(simd: S, x: Self) -> Self::Vector<S>;

    /// a b + c, rounded once where the instruction set can.
    fn mul_add<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;

    /// a + b.
    fn plus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;

    /// x where `gate` > 0, else 0.
    fn where_positive<S: Simd>(simd: S, gate: Self::Vector<S>, x: Self::Vector<S>) -> Self::Vector<S>;

    /// 0 where x < 0, else x; NaN stays NaN.
    fn relu<S: Simd>(simd: S, x: Self::Vector<S>) -> Self::Vector<S>;

    /// The sum of the lanes.
    fn sum<S: Simd>(simd: S, x: Self::Vector<S>) -> Self;

    /// The start of `x`, which has as many numbers as a vector or more.
    fn load<S: Simd>(simd: S, x: &[Self]) -> Self::Vector<S>;

    /// All of `x`, which has fewer numbers than a vector or as many; the other lanes are 0.
    fn load_part<S: Simd>(simd: S, x: &[Self]) -> Self::Vector<S>;

    /// Writes `vector` to the start of `x`, which has as many numbers as it or more.
    fn store<S: Simd>(simd: S, x: &mut [Self], vector: Self::Vector<S>);

    /// Fills `x`, which has fewer numbers than a vector or as many.
    fn store_part<S: Simd>(simd: S, x: &mut [Self], vector: Self::Vector<S>);
}

macro_rules! lanes {
    ($type:ident, $vector:ident, $count:ident, $splat:ident, $mul_add:ident, $mul:ident, $add:ident, $less:ident, $select:ident,
     $sum:ident, $as_vectors:ident, $as_mut_vectors:ident, $load_part:ident, $store_part:ident) => {
        impl Lanes for $type {
            type Vector<S: Simd> = S::$vector;

            #[inline(always)]
            fn count<S: Simd>() -> usize {
                S::$count
            }

            #[inline(always)]
            fn splat<S: Simd>(simd: S, x: Self) -> S::$vector {
                simd.$splat(x)
            }

            #[inline(always)]
            fn mul_add<S: Simd>(simd: S, a: S::$vector, b: S::$vector, c: S::$vector) -> S::$vector {
                if fuses::<S>() { simd.$mul_add(a, b, c) } else { simd.$add(simd.$mul(a, b), c) }
            }

            #[inline(always)]
            fn plus<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }

            #[inline(always)]
            fn where_positive<S: Simd>(simd: S, gate: S::$vector, x: S::$vector) -> S::$vector {
                let zero = simd.$splat(0.);
                simd.$select(simd.$less(zero, gate), x, zero)
            }

            #[inline(always)]
            fn relu<S: Simd>(simd: S, x: S::$vector) -> S::$vector {
                let zero = simd.$splat(0.);
                simd.$select(simd.$less(x, zero), zero, x)
            }

            #[inline(always)]
            fn sum<S: Simd>(simd: S, x: S::$vector) -> Self {
                simd.$sum(x)
            }

            #[inline(always)]
            fn load<S: Simd>(_: S, x: &[Self]) -> S::$vector {
                S::$as_vectors(&x[..S::$count]).0[0]
            }

            #[inline(always)]
            fn load_part<S: Simd>(simd: S, x: &[Self]) -> S::$vector {
                simd.$load_part(x)
            }

            #[inline(always)]
            fn store<S: Simd>(_: S, x: &mut [Self], vector: S::$vector) {
                S::$as_mut_vectors(&mut x[..S::$count]).0[0] = vector;
            }

            #[inline(always)]
            fn store_part<S: Simd>(simd: S, x: &mut [Self], vector: S::$vector) {
                simd.$store_part(x, vector);
            }
        }
    };
}

lanes!(
    f32,
    f32s,
    F32_LANES,
    splat_f32s,
    mul_add_e_f32s,
    mul_f32s,
    add_f32s,
    less_than_f32s,
    select_f32s,
    reduce_sum_f32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    partial_load_f32s,
    partial_store_f32s
);
lanes!(
    f64,
    f64s,
    F64_LANES,
    splat_f64s,
    mul_add_e_f64s,
    mul_f64s,
    add_f64s,
    less_than_f64s,
    select_f64s,
    reduce_sum_f64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    partial_load_f64s,
    partial_store_f64s
);
