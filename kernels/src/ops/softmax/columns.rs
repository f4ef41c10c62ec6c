//! Softmax on the CPU of slices that lie side by side, as the columns of a matrix do.
//!
//! A strip of columns goes down the rows at a time, its maxima and its sums side by side, so that nothing is
//! allocated and every column's sum has one order.

use std::ops::Range;

use super::form::{Form, Slices};
use crate::ops::simd::SimdFloat;
use crate::ops::smooth::exp;

/// The columns of a strip: two cache lines of `f32`, and as many sums as vectors have room for.
const STRIP: usize = 32;

/// The columns of each strip.
#[inline(always)]
fn strips(columns: usize) -> impl Iterator<Item = Range<usize>> {
    (0..columns).step_by(STRIP).map(move |first| first..columns.min(first + STRIP))
}

/// z <- softmax(x), or its logarithm, of each column of matrices with so many columns.
#[inline(always)]
pub(super) fn forward<T: SimdFloat>(form: Form, slices: Slices, x: &[T], z: &mut [T]) {
    let blocks = x.chunks_exact(slices.block()).zip(z.chunks_exact_mut(slices.block()));
    for (x, z) in blocks {
        for strip in strips(slices.stride) {
            forward_strip(form, slices.stride, &strip, x, z);
        }
    }
}

/// `x_grad` <- the derivative along g = `grad` of each column, where its softmax or the logarithm of it is z.
#[inline(always)]
pub(super) fn backward<T: SimdFloat>(form: Form, slices: Slices, z: &[T], grad: &[T], x_grad: &mut [T]) {
    let operands = z.chunks_exact(slices.block()).zip(grad.chunks_exact(slices.block()));
    for ((z, grad), x_grad) in operands.zip(x_grad.chunks_exact_mut(slices.block())) {
        for strip in strips(slices.stride) {
            backward_strip(form, slices.stride, &strip, [z, grad], x_grad);
        }
    }
}

/// One strip of a matrix with so many columns.
#[inline(always)]
fn forward_strip<T: SimdFloat>(form: Form, columns: usize, strip: &Range<usize>, x: &[T], z: &mut [T]) {
    let mut largest = [T::of(f64::NEG_INFINITY); STRIP];
    for x in x.chunks_exact(columns) {
        raise(&mut largest, &x[strip.clone()]);
    }
    let mut sums = [0.; STRIP];
    for (x, z) in x.chunks_exact(columns).zip(z.chunks_exact_mut(columns)) {
        let (x, z) = (&x[strip.clone()], &mut z[strip.clone()]);
        for (j, (z, &x)) in z.iter_mut().zip(x).enumerate() {
            *z = exp(x - largest[j]);
            sums[j] += z.to_f64();
        }
    }
    match form {
        Form::Probabilities => {
            let inverse = sums.map(|sum| T::of(1. / sum));
            for z in z.chunks_exact_mut(columns) {
                for (z, &inverse) in z[strip.clone()].iter_mut().zip(&inverse) {
                    *z *= inverse;
                }
            }
        }
        Form::Logarithms => {
            let logarithm = sums.map(|sum| T::of(libm::log(sum)));
            for (x, z) in x.chunks_exact(columns).zip(z.chunks_exact_mut(columns)) {
                let (x, z) = (&x[strip.clone()], &mut z[strip.clone()]);
                for (j, (z, &x)) in z.iter_mut().zip(x).enumerate() {
                    *z = x - largest[j] - logarithm[j];
                }
            }
        }
    }
}

/// One strip of matrices with so many columns.
#[inline(always)]
fn backward_strip<T: SimdFloat>(
    form: Form,
    columns: usize,
    strip: &Range<usize>,
    [z, grad]: [&[T]; 2],
    x_grad: &mut [T],
) {
    let rows = z.chunks_exact(columns).zip(grad.chunks_exact(columns));
    let rows = rows.map(|(z, grad)| z[strip.clone()].iter().zip(&grad[strip.clone()]));
    let mut sums = [0.; STRIP];
    for row in rows.clone() {
        for (sum, (&z, &grad)) in sums.iter_mut().zip(row) {
            *sum += match form {
                Form::Probabilities => grad.to_f64() * z.to_f64(),
                Form::Logarithms => grad.to_f64(),
            };
        }
    }
    let sums = sums.map(T::of);
    for (row, to) in rows.zip(x_grad.chunks_exact_mut(columns)) {
        for ((to, (&z, &grad)), &sum) in to[strip.clone()].iter_mut().zip(row).zip(&sums) {
            *to = match form {
                Form::Probabilities => z * (grad - sum),
                Form::Logarithms => grad - exp(z) * sum,
            };
        }
    }
}

/// largest <- the larger of it and x, element by element.
#[inline(always)]
pub(super) fn raise<T: SimdFloat>(largest: &mut [T], x: &[T]) {
    for (largest, &x) in largest.iter_mut().zip(x) {
        *largest = if x > *largest { x } else { *largest };
    }
}
