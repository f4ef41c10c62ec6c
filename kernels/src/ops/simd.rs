//! Vectors of the machine's best instruction set, for both types that scalar math is written in.
//!
//! Code is generic over [`Simd`] and compiled once for each instruction set: AVX-512, AVX2 with FMA or NEON,
//! and the target's baseline. [`run`] chooses among them at run time. `TAPER_SIMD=avx2` or `plain` in the
//! environment rules out better ones, for tests and for comparisons.

use std::any::TypeId;
use std::env;
use std::fmt::Debug;
use std::sync::OnceLock;

pub(crate) use pulp::{Simd, WithSimd};

use candle_core::WithDType;

use crate::ops::scalar::{Element, Scalar};

/// The bytes of a cache line, and of the widest register.
pub const CACHE_LINE_BYTES: usize = 64;

/// Runs `work` compiled for the best instruction set.
pub(crate) fn run<W: WithSimd>(work: W) -> W::Output {
    match Best::get() {
        #[cfg(target_arch = "x86_64")]
        Best::Avx512(simd) => Simd::vectorize(*simd, work),
        #[cfg(target_arch = "x86_64")]
        Best::Avx2(simd) => Simd::vectorize(*simd, work),
        #[cfg(target_arch = "aarch64")]
        Best::Neon(simd) => Simd::vectorize(*simd, work),
        Best::Plain => Simd::vectorize(pulp::Scalar128b, work),
    }
}

/// The name of the instruction set that the operations run with: `AVX-512`, `AVX2`, `NEON`, or `plain` for
/// what every machine of the target has. Results of different ones may differ in the last bits.
pub fn instruction_set() -> &'static str {
    match Best::get() {
        #[cfg(target_arch = "x86_64")]
        Best::Avx512(_) => "AVX-512",
        #[cfg(target_arch = "x86_64")]
        Best::Avx2(_) => "AVX2",
        #[cfg(target_arch = "aarch64")]
        Best::Neon(_) => "NEON",
        Best::Plain => "plain",
    }
}

/// Vectors of four numbers, made of what every machine of the target has.
type Plain = pulp::Scalar128b;

enum Best {
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    #[cfg(target_arch = "aarch64")]
    Neon(pulp::aarch64::Neon),
    Plain,
}

impl Best {
    fn get() -> &'static Self {
        static BEST: OnceLock<Best> = OnceLock::new();
        BEST.get_or_init(Self::choose)
    }

    /// Not by [`pulp::Arch`], which would compile everything for its own baseline as well.
    fn choose() -> Self {
        let limit = env::var("TAPER_SIMD").unwrap_or_default();
        if limit == "plain" {
            return Self::Plain;
        }
        #[cfg(target_arch = "x86_64")]
        {
            if limit != "avx2"
                && let Some(simd) = pulp::x86::V4::try_new()
            {
                return Self::Avx512(simd);
            }
            if let Some(simd) = pulp::x86::V3::try_new() {
                return Self::Avx2(simd);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if let Some(simd) = pulp::aarch64::Neon::try_new() {
            return Self::Neon(simd);
        }
        Self::Plain
    }
}

/// Whether the instruction set has a multiply-add that rounds once. Without one, the library function that
/// does so is many times slower than two operations.
#[inline(always)]
pub(crate) fn has_fma<S: Simd>() -> bool {
    TypeId::of::<S>() != TypeId::of::<Plain>()
}

/// A [`Scalar`] with vectors, which tensors have as their element: `f32` or `f64`.
pub trait SimdFloat: Scalar + Element<Compute = Self> + WithDType + Debug {
    /// A register of numbers.
    type Vector<S: Simd>: Copy;

    /// How many numbers a register holds.
    fn lanes<S: Simd>() -> usize;

    /// A vector of which every lane is `x`.
    fn splat<S: Simd>(simd: S, x: Self) -> Self::Vector<S>;

    /// a b + c, rounded once where the instruction set can.
    fn mul_add<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;

    /// a + b.
    fn add_vectors<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;

    /// `grad` where `output` > 0, else 0.
    fn relu_backward<S: Simd>(simd: S, output: Self::Vector<S>, grad: Self::Vector<S>) -> Self::Vector<S>;

    /// 0 where x < 0, else x; NaN stays NaN.
    fn relu<S: Simd>(simd: S, x: Self::Vector<S>) -> Self::Vector<S>;

    /// The sum of the lanes.
    fn sum<S: Simd>(simd: S, x: Self::Vector<S>) -> Self;

    /// Reads the start of `x`, which holds a vector or more.
    fn load<S: Simd>(simd: S, x: &[Self]) -> Self::Vector<S>;

    /// Reads `x`, which holds at most a vector; the other lanes are 0.
    fn load_part<S: Simd>(simd: S, x: &[Self]) -> Self::Vector<S>;

    /// Writes `vector` to the start of `x`, which has room for it.
    fn store<S: Simd>(simd: S, x: &mut [Self], vector: Self::Vector<S>);

    /// Fills `x`, which has room for at most a vector.
    fn store_part<S: Simd>(simd: S, x: &mut [Self], vector: Self::Vector<S>);
}

macro_rules! simd_float {
    ($type:ident, $vector:ident, $lanes:ident, $splat:ident, $mul_add:ident, $mul:ident, $add:ident,
     $less:ident, $select:ident, $sum:ident, $as_vectors:ident, $as_mut_vectors:ident, $load_part:ident,
     $store_part:ident) => {
        impl SimdFloat for $type {
            type Vector<S: Simd> = S::$vector;

            #[inline(always)]
            fn lanes<S: Simd>() -> usize {
                S::$lanes
            }

            #[inline(always)]
            fn splat<S: Simd>(simd: S, x: Self) -> S::$vector {
                simd.$splat(x)
            }

            #[inline(always)]
            fn mul_add<S: Simd>(simd: S, a: S::$vector, b: S::$vector, c: S::$vector) -> S::$vector {
                if has_fma::<S>() { simd.$mul_add(a, b, c) } else { simd.$add(simd.$mul(a, b), c) }
            }

            #[inline(always)]
            fn add_vectors<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }

            #[inline(always)]
            fn relu_backward<S: Simd>(simd: S, output: S::$vector, grad: S::$vector) -> S::$vector {
                let zero = simd.$splat(0.);
                simd.$select(simd.$less(zero, output), grad, zero)
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
                S::$as_vectors(&x[..S::$lanes]).0[0]
            }

            #[inline(always)]
            fn load_part<S: Simd>(simd: S, x: &[Self]) -> S::$vector {
                simd.$load_part(x)
            }

            #[inline(always)]
            fn store<S: Simd>(_: S, x: &mut [Self], vector: S::$vector) {
                S::$as_mut_vectors(&mut x[..S::$lanes]).0[0] = vector;
            }

            #[inline(always)]
            fn store_part<S: Simd>(simd: S, x: &mut [Self], vector: S::$vector) {
                simd.$store_part(x, vector);
            }
        }
    };
}

simd_float!(
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
simd_float!(
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
