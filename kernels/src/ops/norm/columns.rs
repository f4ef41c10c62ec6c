//! The normalisation of columns on the CPU.
//!
//! A strip of columns goes down the rows at a time, its sums side by side in `f64`, so that nothing is
//! allocated and every column's sum has one order.

use super::EPSILON;
use crate::ops::simd::{self, Simd, SimdFloat, WithSimd};

/// The columns of a strip: two cache lines of `f32`, and as many sums as vectors have room for.
const STRIP: usize = 32;

/// As [`cpu::forward`](super::cpu::forward), for columns.
pub(super) fn forward<T: SimdFloat>(x: &[T], scale: &[T], shift: Option<&[T]>, out: &mut [T]) {
    simd::run(Forward { x, scale, shift, out });
}

/// As [`cpu::backward`](super::cpu::backward), for columns.
pub(super) fn backward<T: SimdFloat>(x: &[T], scale: &[T], grad: &[T], x_grad: &mut [T], terms: &mut [T]) {
    simd::run(Backward { x, scale, grad, x_grad, terms });
}

struct Forward<'a, T> {
    x: &'a [T],
    scale: &'a [T],
    shift: Option<&'a [T]>,
    out: &'a mut [T],
}

impl<T: SimdFloat> WithSimd for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { x, scale, shift, out } = self;
        let columns = scale.len();
        for first in (0..columns).step_by(STRIP) {
            let strip = first..columns.min(first + STRIP);
            let scale = &scale[strip.clone()];
            let Statistics { mean, inverse } = Statistics::new(x, columns, first, scale.len());
            for (x, out) in x.chunks_exact(columns).zip(out.chunks_exact_mut(columns)) {
                let (x, out) = (&x[strip.clone()], &mut out[strip.clone()]);
                for (j, (out, &x)) in out.iter_mut().zip(x).enumerate() {
                    *out = (x - mean[j]) * inverse[j] * scale[j];
                }
                if let Some(shift) = shift {
                    for (out, &shift) in out.iter_mut().zip(&shift[strip.clone()]) {
                        *out += shift;
                    }
                }
            }
        }
    }
}

struct Backward<'a, T> {
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
        let Self { x, scale, grad, x_grad, terms } = self;
        let columns = scale.len();
        for first in (0..columns).step_by(STRIP) {
            let strip = first..columns.min(first + STRIP);
            let scale = &scale[strip.clone()];
            let Statistics { mean, inverse } = Statistics::new(x, columns, first, scale.len());
            let [mut along, mut common] = [[0.; STRIP]; 2];
            let all = x.chunks_exact(columns).zip(grad.chunks_exact(columns));
            for ((x, grad), terms) in all.clone().zip(terms.chunks_exact_mut(columns)) {
                let (x, grad, terms) = (&x[strip.clone()], &grad[strip.clone()], &mut terms[strip.clone()]);
                for (j, ((term, &x), &grad)) in terms.iter_mut().zip(x).zip(grad).enumerate() {
                    *term = grad * ((x - mean[j]) * inverse[j]);
                    along[j] += term.to_f64();
                    common[j] += grad.to_f64();
                }
            }
            // The scale of a column is one number, and so a factor of its means.
            let rows = (x.len() / columns) as f64;
            let [along, common] = [along, common].map(|sums| sums.map(|sum| T::of(sum / rows)));
            for ((x, grad), to) in all.zip(x_grad.chunks_exact_mut(columns)) {
                let (x, grad, to) = (&x[strip.clone()], &grad[strip.clone()], &mut to[strip.clone()]);
                for (j, ((to, &x), &grad)) in to.iter_mut().zip(x).zip(grad).enumerate() {
                    let n = (x - mean[j]) * inverse[j];
                    *to = (grad - common[j] - n * along[j]) * (inverse[j] * scale[j]);
                }
            }
        }
    }
}

/// What the columns of a strip are normalised by.
struct Statistics<T> {
    /// The mean of each.
    mean: [T; STRIP],
    /// 1 / sqrt(v + epsilon) with the biased variance v of each.
    inverse: [T; STRIP],
}

impl<T: SimdFloat> Statistics<T> {
    /// Those of the `width` columns of x, rows of `columns`, from the `first` on.
    #[inline(always)]
    fn new(x: &[T], columns: usize, first: usize, width: usize) -> Self {
        let strips = x.chunks_exact(columns).map(|row| &row[first..first + width]);
        let rows = strips.len() as f64;
        let mut sums = [0.; STRIP];
        for x in strips.clone() {
            for (sum, &x) in sums.iter_mut().zip(x) {
                *sum += x.to_f64();
            }
        }
        let mean = sums.map(|sum| sum / rows);
        let mut squares = [0.; STRIP];
        for x in strips {
            for ((square, &x), mean) in squares.iter_mut().zip(x).zip(mean) {
                let difference = x.to_f64() - mean;
                *square += difference * difference;
            }
        }
        let inverse = squares.map(|square| T::of(1. / (square / rows + EPSILON).sqrt()));
        Self { mean: mean.map(T::of), inverse }
    }
}
