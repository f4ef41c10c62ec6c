//! Softmax on the CPU; here of slices that are rows, in [`columns`] of slices that lie side by side.
//!
//! Sums are accumulated in `f64`, side by side in a fixed order, so that a slice's result is the same on
//! every number of threads and whichever slices come with it.

use std::sync::{Mutex, PoisonError};

use candle_core::utils::barrier_pool;

use super::columns;
use super::form::{Form, Slices};
use crate::ops::norm::cpu::{sum, sum_of_products};
use crate::ops::simd::{self, Simd, SimdFloat, WithSimd};
use crate::ops::smooth::exp;

/// The minimum number of elements for multithreading, and about as many as a thread takes at a time.
const PARALLEL: usize = 1 << 16;
const PIECE: usize = 1 << 14;

/// z <- softmax(x), or its logarithm, of each of the slices, on slices of one length.
pub(super) fn forward<T: SimdFloat>(form: Form, slices: Slices, x: &[T], z: &mut [T]) {
    in_pieces(slices.block(), z, |start, z| {
        simd::run(Forward { form, slices, x: &x[start..][..z.len()], z });
    });
}

/// `x_grad` <- z (g - sum(g z)), or g - exp(z) sum(g), with g = `grad`, on slices of one length.
pub(super) fn backward<T: SimdFloat>(form: Form, slices: Slices, z: &[T], grad: &[T], x_grad: &mut [T]) {
    in_pieces(slices.block(), x_grad, |start, x_grad| {
        let (z, grad) = (&z[start..][..x_grad.len()], &grad[start..][..x_grad.len()]);
        simd::run(Backward { form, slices, z, grad, x_grad });
    });
}

/// Calls `work` for all of `out`, or if that is long for pieces of it with their starts, on the threads of
/// Candle's pool. A piece has whole blocks of so many elements.
fn in_pieces<T: Send>(block: usize, out: &mut [T], work: impl Fn(usize, &mut [T]) + Sync) {
    if out.is_empty() {
        return;
    }
    if out.len() < PARALLEL || block == out.len() {
        return work(0, out);
    }
    let piece = (PIECE / block).max(1) * block;
    let pieces: Vec<_> = out.chunks_mut(piece).map(Mutex::new).collect();
    barrier_pool().execute_chunked(pieces.len(), |range| {
        for i in range {
            let mut out = pieces[i].lock().unwrap_or_else(PoisonError::into_inner);
            work(i * piece, &mut out);
        }
    });
}

struct Forward<'a, T> {
    form: Form,
    slices: Slices,
    x: &'a [T],
    z: &'a mut [T],
}

impl<T: SimdFloat> WithSimd for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { form, slices, x, z } = self;
        if slices.stride > 1 {
            return columns::forward(form, slices, x, z);
        }
        let len = slices.len;
        for (x, z) in x.chunks_exact(len).zip(z.chunks_exact_mut(len)) {
            let largest = largest(x);
            for (z, &x) in z.iter_mut().zip(x) {
                *z = exp(x - largest);
            }
            let sum = sum(z);
            match form {
                Form::Probabilities => {
                    let inverse = T::of(1. / sum);
                    for z in z.iter_mut() {
                        *z *= inverse;
                    }
                }
                Form::Logarithms => {
                    let logarithm = T::of(libm::log(sum));
                    for (z, &x) in z.iter_mut().zip(x) {
                        *z = x - largest - logarithm;
                    }
                }
            }
        }
    }
}

struct Backward<'a, T> {
    form: Form,
    slices: Slices,
    z: &'a [T],
    grad: &'a [T],
    x_grad: &'a mut [T],
}

impl<T: SimdFloat> WithSimd for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { form, slices, z, grad, x_grad } = self;
        if slices.stride > 1 {
            return columns::backward(form, slices, z, grad, x_grad);
        }
        let len = slices.len;
        let operands = z.chunks_exact(len).zip(grad.chunks_exact(len));
        for ((z, grad), x_grad) in operands.zip(x_grad.chunks_exact_mut(len)) {
            match form {
                Form::Probabilities => {
                    let mean = T::of(sum_of_products(grad, z));
                    for ((to, &z), &grad) in x_grad.iter_mut().zip(z).zip(grad) {
                        *to = z * (grad - mean);
                    }
                }
                Form::Logarithms => {
                    let total = T::of(sum(grad));
                    for ((to, &z), &grad) in x_grad.iter_mut().zip(z).zip(grad) {
                        *to = grad - exp(z) * total;
                    }
                }
            }
        }
    }
}

/// The number of maxima kept side by side, as vectors that do not wait for each other.
const MAXIMA: usize = 64;

/// The largest of x; NaN, which makes a NaN of the sum, is passed over.
#[inline(always)]
fn largest<T: SimdFloat>(x: &[T]) -> T {
    let mut largest = [T::of(f64::NEG_INFINITY); MAXIMA];
    let chunks = x.chunks_exact(MAXIMA);
    let rest = chunks.remainder();
    for x in chunks {
        columns::raise(&mut largest, x);
    }
    columns::raise(&mut largest, rest);
    largest.into_iter().reduce(|a, b| if b > a { b } else { a }).unwrap_or_default()
}
