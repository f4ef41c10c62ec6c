//! The passes on the CPU.

use super::Pass;
use crate::ops::kernels::simd::{self, Simd, SimdFloat, WithSimd};

/// The number of sums kept side by side, as vectors that do not wait for each other.
const SUMS: usize = 16;

/// The sum of the squares of `x`, in `f64`; it is the same on every machine.
pub(in crate::optim) fn sum_of_squares<T: SimdFloat>(x: &[T]) -> f64 {
    simd::run(SumOfSquares(x))
}

struct SumOfSquares<'a, T>(&'a [T]);

impl<T: SimdFloat> WithSimd for SumOfSquares<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let (chunks, rest) = self.0.as_chunks::<SUMS>();
        let mut sums = [0.; SUMS];
        for x in chunks {
            add_squares(&mut sums, x);
        }
        add_squares(&mut sums, rest);
        sums.iter().sum()
    }
}

/// sums <- sums + x^2, for up to one x for each sum.
#[inline(always)]
fn add_squares<T: SimdFloat>(sums: &mut [f64; SUMS], x: &[T]) {
    for (sum, &x) in sums.iter_mut().zip(x) {
        *sum += x.to_f64() * x.to_f64();
    }
}

/// Makes `pass` over `x`; `y` is of the same length, and empty where the pass does not read it.
pub(in crate::optim) fn apply<T: SimdFloat>(pass: Pass, squares: f64, x: &mut [T], y: &[T]) {
    simd::run(Apply { pass, squares, x, y });
}

struct Apply<'a, T> {
    pass: Pass,
    squares: f64,
    x: &'a mut [T],
    y: &'a [T],
}

impl<T: SimdFloat> WithSimd for Apply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { pass, squares, x, y } = self;
        let (factor, zero) = (T::of(pass.factor()), T::default());
        match pass {
            Pass::ClipNorm(bound) => {
                let ratio = bound / (squares.sqrt() + 1e-6);
                // Not `min`, which would make 1 of NaN.
                let scale = T::of(if ratio > 1. { 1. } else { ratio });
                each(x, |x| x * scale);
            }
            Pass::ClipValue(_) => each(x, |x| {
                let below = if x > factor { factor } else { x };
                if below < -factor { -factor } else { below }
            }),
            Pass::AddScaled(_) => each_with(x, y, |x, y| x + factor * y),
            Pass::Shrink(_) => each(x, |x| {
                // Zero times NaN is NaN.
                let not_negative = if x > factor { x - factor } else { x * zero };
                if x < -factor { x + factor } else { not_negative }
            }),
            Pass::Average(_) => each_with(x, y, |x, y| x + factor * (y - x)),
        }
    }
}

/// Replaces each x by f(x). The compiler vectorises a loop as plain as this for each instruction set.
#[inline(always)]
fn each<T: Copy>(x: &mut [T], f: impl Fn(T) -> T) {
    for x in x {
        *x = f(*x);
    }
}

/// Replaces each x by f(x, y).
#[inline(always)]
fn each_with<T: Copy>(x: &mut [T], y: &[T], f: impl Fn(T, T) -> T) {
    for (x, &y) in x.iter_mut().zip(y) {
        *x = f(*x, y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(pass: Pass, squares: f64, x: &[f64], y: &[f64]) -> Vec<f64> {
        let mut x = x.to_vec();
        apply(pass, squares, &mut x, y);
        x
    }

    #[test]
    fn passes_do_what_they_say() {
        let x = [-3., -0.5, 0., 0.25, 2.];
        assert_eq!(passed(Pass::ClipValue(1.), 0., &x, &[]), [-1., -0.5, 0., 0.25, 1.]);
        assert_eq!(passed(Pass::Shrink(0.5), 0., &x, &[]), [-2.5, 0., 0., 0., 1.5]);
        let y = [1., 2., 3., 4., 5.];
        assert_eq!(passed(Pass::AddScaled(2.), 0., &x, &y), [-1., 3.5, 6., 8.25, 12.]);
        assert_eq!(passed(Pass::Average(0.5), 0., &x, &y), [-1., 0.75, 1.5, 2.125, 3.5]);
        assert_eq!(passed(Pass::Average(1.), 0., &[0.; 5], &y), y);
        // Below the bound nothing changes; above it the norm becomes nearly the bound.
        assert_eq!(passed(Pass::ClipNorm(4.), 13.3125, &x, &[]), x);
        let clipped = passed(Pass::ClipNorm(1.), sum_of_squares(&x), &x, &[]);
        assert!((sum_of_squares(&clipped) - 1.).abs() <= 1e-6);
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        for pass in Pass::ALL {
            let x = passed(pass, f64::NAN, &[f64::NAN; 5], &[1.; 5]);
            assert!(x.iter().all(|x| x.is_nan()), "{pass:?}: {x:?}");
        }
        // A gradient among others that is not finite spoils all of them.
        assert!(passed(Pass::ClipNorm(1.), f64::NAN, &[1.], &[])[0].is_nan());
    }

    #[test]
    fn every_length_is_summed() {
        for len in 0..=67u32 {
            let x: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let expected: u32 = (0..len).map(|i| i * i).sum();
            assert_eq!(sum_of_squares(&x), f64::from(expected), "{len}");
        }
    }
}
