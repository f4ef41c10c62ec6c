//! The update on the CPU.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, Result, bail};

use super::coefficients::StepCoefficients;
use crate::ops::kernels::simd::{self, Simd, WithSimd};
use crate::ops::kernels::{Element, Scalar};

/// Updates the parameter, its first and its second moment with the gradient, all of `len` elements; the
/// moments are of the type that an element is computed in.
pub(super) fn update(
    storages: Vec<&mut CpuStorage>,
    grad: &CpuStorage,
    len: usize,
    coefficients: &StepCoefficients,
) -> Result<()> {
    let Ok([p, m, v]) = <[&mut CpuStorage; 3]>::try_from(storages) else {
        bail!("AdamW: expected a parameter and two moments")
    };
    macro_rules! dispatch {
        ($($dtype:ident in $compute:ident),*) => {
            match (p, m, v, grad) {
                $((
                    CpuStorage::$dtype(p),
                    CpuStorage::$compute(m),
                    CpuStorage::$compute(v),
                    CpuStorage::$dtype(g),
                ) => update_slices(&mut p[..len], [&mut m[..len], &mut v[..len]], &g[..len], coefficients),)*
                (p, ..) => bail!("AdamW: unsupported or different dtypes, the parameter is {:?}", p.dtype()),
            }
        };
    }
    dispatch!(F16 in F32, BF16 in F32, F32 in F32, F64 in F64);
    Ok(())
}

/// Updates a parameter and its `[first moment, second moment]` with the gradient, in one pass in which each
/// element is read and written once.
pub(crate) fn update_slices<T: Element>(
    p: &mut [T],
    [m, v]: [&mut [T::Compute]; 2],
    g: &[T],
    coefficients: &StepCoefficients,
) {
    simd::run(Update { p, m, v, g, coefficients: coefficients.rounded() });
}

struct Update<'a, T: Element> {
    p: &'a mut [T],
    m: &'a mut [T::Compute],
    v: &'a mut [T::Compute],
    g: &'a [T],
    coefficients: StepCoefficients<T::Compute>,
}

impl<T: Element> WithSimd for Update<'_, T> {
    type Output = ();

    // The compiler vectorises a loop as plain as this for each instruction set.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { p, m, v, g, coefficients: c } = self;
        for (((p, m), v), g) in p.iter_mut().zip(m).zip(v).zip(g) {
            let g = g.widen();
            let first = flush_denormal(*m * c.beta1 + g * c.one_minus_beta1);
            let second = flush_denormal(*v * c.beta2 + g * g * c.one_minus_beta2);
            let direction = first / (second.sqrt() * c.second_moment_scale + c.eps);
            *p = T::narrow(p.widen() * c.decay - direction * c.step_size);
            *m = first;
            *v = second;
        }
    }
}

/// Replaces a number below the smallest normal one by zero. The moments of a dead unit decay into such
/// numbers and never leave them, since 0.9 times the smallest one rounds to itself, and arithmetic on them is
/// many times slower.
#[inline(always)]
fn flush_denormal<T: Scalar>(x: T) -> T {
    if x < T::MIN_POSITIVE && -x < T::MIN_POSITIVE { T::default() } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::adamw::config::AdamWConfig;

    /// Without a gradient both moments decay to zero and are never between it and the smallest normal number,
    /// where they would stay forever.
    fn decay_to_zero<T: Element<Compute = T> + Scalar + std::fmt::Debug>(from: T) {
        let coefficients = StepCoefficients::new(&AdamWConfig::default(), 1);
        let (mut p, mut m, mut v) = ([T::of(1.); 2], [from, -from], [from; 2]);
        for _ in 0..3000 {
            update_slices(&mut p, [&mut m, &mut v], &[T::default(); 2], &coefficients);
            for x in m.iter().chain(&v) {
                let magnitude = if *x < T::default() { -*x } else { *x };
                assert!(magnitude == T::default() || magnitude >= T::MIN_POSITIVE, "{x:?} is denormal");
            }
        }
        assert_eq!((m, v), ([T::default(); 2], [T::default(); 2]));
        let mut stays = from;
        for _ in 0..3000 {
            stays = stays * T::of(0.9);
        }
        assert!(stays > T::default(), "the plain product becomes zero, so nothing is tested");
    }

    #[test]
    fn moments_do_not_stay_denormal() {
        decay_to_zero(4. * f32::MIN_POSITIVE);
        decay_to_zero(4. * f64::MIN_POSITIVE);
    }
}
