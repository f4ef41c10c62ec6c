//! The normalisations on the CPU; here those of rows, in [`columns`] that of columns.
//!
//! Sums are accumulated in `f64`, side by side in a fixed order, so that a row's result is the same on every
//! machine and whichever rows come with it.

use super::{EPSILON, NormKind, columns};
use crate::ops::simd::{self, Simd, SimdFloat, WithSimd};

/// out <- (x - m) r scale + shift for rows of as many elements as `scale` has, where m and r are the
/// [`Statistics`] of each row, or with [`NormKind::Batch`] of each column.
///
/// # Panics
///
/// When `out` is shorter than `x`, or the shift than the scale.
pub(crate) fn forward<T: SimdFloat>(
    kind: NormKind,
    x: &[T],
    scale: &[T],
    shift: Option<&[T]>,
    out: &mut [T],
) {
    match kind {
        NormKind::Rms | NormKind::Layer => simd::run(Forward { kind, x, scale, shift, out }),
        NormKind::Batch => columns::forward(x, scale, shift, out),
    }
}

/// With n = (x - m) r and h = `grad` scale, `x_grad` <- r (h - n mean(h n)), less r mean(h) if it is centred,
/// with means as those of x, and `terms` <- `grad` n, whose sums over the rows are the gradient of the scale.
///
/// # Panics
///
/// When another slice is shorter than `x`.
pub(crate) fn backward<T: SimdFloat>(
    kind: NormKind,
    x: &[T],
    scale: &[T],
    grad: &[T],
    x_grad: &mut [T],
    terms: &mut [T],
) {
    match kind {
        NormKind::Rms | NormKind::Layer => simd::run(Backward { kind, x, scale, grad, x_grad, terms }),
        NormKind::Batch => columns::backward(x, scale, grad, x_grad, terms),
    }
}

struct Forward<'a, T> {
    kind: NormKind,
    x: &'a [T],
    scale: &'a [T],
    shift: Option<&'a [T]>,
    out: &'a mut [T],
}

impl<T: SimdFloat> WithSimd for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { kind, x, scale, shift, out } = self;
        let columns = scale.len().max(1);
        for (x, out) in x.chunks_exact(columns).zip(out.chunks_exact_mut(columns)) {
            let Statistics { mean, inverse } = Statistics::new(kind, x);
            for ((out, &x), &scale) in out.iter_mut().zip(x).zip(scale) {
                *out = (x - mean) * inverse * scale;
            }
            if let Some(shift) = shift {
                for (out, &shift) in out.iter_mut().zip(shift) {
                    *out += shift;
                }
            }
        }
    }
}

struct Backward<'a, T> {
    kind: NormKind,
    x: &'a [T],
    scale: &'a [T],
    grad: &'a [T],
    x_grad: &'a mut [T],
    terms: &'a mut [T],
}

impl<T: SimdFloat> WithSimd for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { kind, x, scale, grad, x_grad, terms } = self;
        let columns = scale.len().max(1);
        let rows = x.chunks_exact(columns).zip(grad.chunks_exact(columns));
        let results = x_grad.chunks_exact_mut(columns).zip(terms.chunks_exact_mut(columns));
        for ((x, grad), (x_grad, terms)) in rows.zip(results) {
            let Statistics { mean, inverse } = Statistics::new(kind, x);
            for ((term, &x), &grad) in terms.iter_mut().zip(x).zip(grad) {
                *term = grad * ((x - mean) * inverse);
            }
            let along = mean_of(sum_of_products(terms, scale), columns);
            let common =
                if kind.is_centred() { mean_of(sum_of_products(grad, scale), columns) } else { T::default() };
            for (((to, &x), &grad), &scale) in x_grad.iter_mut().zip(x).zip(grad).zip(scale) {
                *to = (grad * scale - common - (x - mean) * inverse * along) * inverse;
            }
        }
    }
}

/// What a row is normalised by.
struct Statistics<T> {
    /// Its mean, or 0 if it is not centred.
    mean: T,
    /// 1 / sqrt(v + epsilon), where v is the mean of its squares, or its variance if it is centred.
    inverse: T,
}

impl<T: SimdFloat> Statistics<T> {
    #[inline(always)]
    fn new(kind: NormKind, x: &[T]) -> Self {
        let columns = x.len() as f64;
        let mean = if kind.is_centred() { sum(x) / columns } else { 0. };
        let variance = sum_of_squares(x, mean) / columns;
        Self { mean: T::of(mean), inverse: T::of(1. / (variance + EPSILON).sqrt()) }
    }
}

#[inline(always)]
fn mean_of<T: SimdFloat>(sum: f64, columns: usize) -> T {
    T::of(sum / columns as f64)
}

/// The number of sums kept side by side, as vectors that do not wait for each other.
const SUMS: usize = 16;

/// The sum of x.
#[inline(always)]
pub(in crate::ops) fn sum<T: SimdFloat>(x: &[T]) -> f64 {
    let mut sums = [0.; SUMS];
    for x in x.chunks(SUMS) {
        for (sum, &x) in sums.iter_mut().zip(x) {
            *sum += x.to_f64();
        }
    }
    sums.iter().sum()
}

/// The sum of (x - mean)^2.
#[inline(always)]
fn sum_of_squares<T: SimdFloat>(x: &[T], mean: f64) -> f64 {
    let mut sums = [0.; SUMS];
    for x in x.chunks(SUMS) {
        for (sum, &x) in sums.iter_mut().zip(x) {
            let difference = x.to_f64() - mean;
            *sum += difference * difference;
        }
    }
    sums.iter().sum()
}

/// The sum of x y.
#[inline(always)]
pub(in crate::ops) fn sum_of_products<T: SimdFloat>(x: &[T], y: &[T]) -> f64 {
    let mut sums = [0.; SUMS];
    for (x, y) in x.chunks(SUMS).zip(y.chunks(SUMS)) {
        for ((sum, &x), &y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x.to_f64() * y.to_f64();
        }
    }
    sums.iter().sum()
}
