//! Features as piecewise linear functions of themselves.

use crate::ops::simd::{self, Simd, SimdFloat, WithSimd};

/// What the columns of an encoding z are made of: z = min(max(scale x + shift, low), high) for the feature x
/// of this number, each with an element for each column. Columns of one feature are neighbours.
///
/// Where there is a bend, z / sqrt(1 + bend z^2) follows, which stays within 1 / sqrt(bend): the smooth clip
/// of `RealMLP` (Holzmüller, Grinsztajn and Steinwart 2024, "Better by Default", section 3). The bounds have
/// to be so narrow that the square of z does not overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[doc(hidden)]
pub struct Encoding<A> {
    pub feature: A,
    pub scale: A,
    pub shift: A,
    pub low: A,
    pub high: A,
    /// Of no column if there is none.
    pub bend: Option<A>,
}

impl Encoding<&'static str> {
    /// What each is called.
    pub const NAMES: Self = Self {
        feature: "feature",
        scale: "scale",
        shift: "shift",
        low: "low",
        high: "high",
        bend: Some("bend"),
    };
}

impl<A> Encoding<A> {
    /// The same with something else in place of each.
    pub fn map<B>(self, mut f: impl FnMut(A) -> B) -> Encoding<B> {
        let Self { feature, scale, shift, low, high, bend } = self;
        let [feature, scale, shift, low, high] = [feature, scale, shift, low, high].map(&mut f);
        Encoding { feature, scale, shift, low, high, bend: bend.map(f) }
    }

    /// The same with something else in place of each, if there is for all.
    ///
    /// # Errors
    ///
    /// Returns the first error of `f`.
    pub fn try_map<B, E>(self, f: impl FnMut(A) -> Result<B, E>) -> Result<Encoding<B>, E> {
        let Encoding { feature, scale, shift, low, high, bend } = self.map(f);
        let bend = bend.transpose()?;
        Ok(Encoding { feature: feature?, scale: scale?, shift: shift?, low: low?, high: high?, bend })
    }

    /// All of them in the order of their names here.
    pub fn each(self) -> impl Iterator<Item = A> + Clone
    where
        A: Clone,
    {
        [self.feature, self.scale, self.shift, self.low, self.high].into_iter().chain(self.bend)
    }
}

/// Encodes x (rows, features) as z (rows, columns); a feature that x does not have is 0.
pub(crate) fn encode<T: SimdFloat>(encoding: Encoding<&[T]>, features: usize, x: &[T], z: &mut [T]) {
    if features > 0 && !encoding.feature.is_empty() {
        spread(encoding.feature, features, x, z);
        simd::run(Lines { encoding, z });
        if let Some(bend) = encoding.bend {
            simd::run(Bends { bend, z });
        }
    }
}

/// Copies each feature to its columns. The rows are the inner loop, so that a feature's columns are counted
/// once.
fn spread<T: SimdFloat>(feature: &[T], features: usize, x: &[T], z: &mut [T]) {
    let mut first = 0;
    for columns in feature.chunk_by(|a, b| a == b) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number")]
        let number = columns[0].to_f64() as usize;
        for (x, z) in x.chunks_exact(features).zip(z.chunks_exact_mut(feature.len())) {
            z[first..][..columns.len()].fill(x.get(number).copied().unwrap_or_default());
        }
        first += columns.len();
    }
}

/// z <- min(max(scale z + shift, low), high).
struct Lines<'a, T> {
    encoding: Encoding<&'a [T]>,
    z: &'a mut [T],
}

impl<T: SimdFloat> WithSimd for Lines<'_, T> {
    type Output = ();

    // The compiler vectorises a loop as plain as this for each instruction set.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { encoding: Encoding { scale, shift, low, high, .. }, z } = self;
        for z in z.chunks_exact_mut(scale.len()) {
            for ((((z, &scale), &shift), &low), &high) in
                z.iter_mut().zip(scale).zip(shift).zip(low).zip(high)
            {
                let line = *z * scale + shift;
                let above = if line < low { low } else { line };
                *z = if above > high { high } else { above };
            }
        }
    }
}

/// z <- z / sqrt(1 + bend z^2).
struct Bends<'a, T> {
    bend: &'a [T],
    z: &'a mut [T],
}

impl<T: SimdFloat> WithSimd for Bends<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { bend, z } = self;
        let one = T::of(1.);
        for z in z.chunks_exact_mut(bend.len()) {
            for (z, &bend) in z.iter_mut().zip(bend) {
                *z = *z / (one + bend * *z * *z).sqrt();
            }
        }
    }
}

/// [`encode`] on CUDA, by the kernel of `batch.cu`.
#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda {
    #![allow(unsafe_code)]

    use candle_core::Result;
    use candle_core::cuda_backend::WrapErr;
    use candle_core::cuda_backend::cudarc::driver::{
        CudaFunction, CudaSlice, CudaStream, DeviceRepr, PushKernelArg,
    };

    use super::Encoding;
    use crate::ops::launch::{check_len, grid};

    /// Encodes x (rows, features) as z (rows, columns).
    ///
    /// # Errors
    ///
    /// Fails when a buffer is too short, and with the driver's error.
    pub fn encode<T: DeviceRepr>(
        stream: &CudaStream,
        kernel: &CudaFunction,
        [rows, features, columns]: [usize; 3],
        encoding: Encoding<&CudaSlice<T>>,
        x: &CudaSlice<T>,
        z: &mut CudaSlice<T>,
    ) -> Result<()> {
        check_len("the features", x.len(), rows * features)?;
        check_len("their encoding", z.len(), rows * columns)?;
        for array in encoding.each() {
            check_len("an encoding", array.len(), columns)?;
        }
        // Where there is no bend, an array that is not read stands for it.
        let (has_bend, bend) = (u64::from(encoding.bend.is_some()), encoding.bend.unwrap_or(encoding.scale));
        let launch = grid(rows * columns);
        let sizes = [rows, features, columns].map(|n| n as u64);
        let mut args = stream.launch_builder(kernel);
        for size in &sizes {
            args.arg(size);
        }
        let Encoding { feature, scale, shift, low, high, .. } = encoding;
        for array in [feature, scale, shift, low, high, bend] {
            args.arg(array);
        }
        args.arg(&has_bend).arg(x).arg(z);
        // SAFETY: the arguments are those of encode in batch.cu, measured above.
        unsafe { args.launch(launch) }.w()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_bent_lines() {
        let encoding = Encoding {
            feature: &[0., 0., 1., 7.][..],
            scale: &[1., 2., -1., 1.],
            shift: &[0., -1., 0., 0.5],
            low: &[-9., 0., -9., -9.],
            high: &[9., 1., 2., 9.],
            bend: None,
        };
        // The last feature is missing.
        let mut z = [f64::NAN; 8];
        encode(encoding, 2, &[0.75, -3., 5., 4.], &mut z);
        assert_eq!(z, [0.75, 0.5, 2., 0.5, 5., 1., -4., 0.5]);
        // What is not a number stays so.
        let mut z = [0.; 4];
        encode(encoding, 2, &[f64::NAN, 1.], &mut z);
        assert!(z[0].is_nan() && z[1].is_nan() && z[2..] == [-1., 0.5]);
        encode(Encoding { feature: &[][..], ..encoding }, 2, &[1., 1.], &mut z);
    }

    /// By hand: 0.75 / sqrt(1 + 0.75^2 16/9) is 0.75 / sqrt(2), and 4 / sqrt(1 + 4^2 / 2) is 4 / 3.
    #[test]
    fn bent_columns_are_clipped_smoothly() {
        let encoding = Encoding {
            feature: &[0., 0., 1., 1.][..],
            scale: &[1., 1., 2., 1e30],
            shift: &[0.; 4],
            low: &[-9., -9., -9., -1e15],
            high: &[9., 9., 9., 1e15],
            bend: Some(&[16. / 9., 0., 0.5, 0.25]),
        };
        let expected = [0.75 / 2f64.sqrt(), 0.75, 4. / 3., 2., f64::NAN, f64::NAN, -4. / 3., -2.];
        let (mut double, mut single) = ([0f64; 8], [0f32; 8]);
        encode(encoding, 2, &[0.75, 2., f64::NAN, -2.], &mut double);
        let of = |part: &[f64]| part.iter().map(|x| *x as f32).collect::<Vec<_>>();
        let narrow = encoding.map(of);
        let narrow = Encoding {
            feature: &narrow.feature[..],
            scale: &narrow.scale,
            shift: &narrow.shift,
            low: &narrow.low,
            high: &narrow.high,
            bend: narrow.bend.as_deref(),
        };
        encode(narrow, 2, &[0.75, 2., f32::NAN, -2.], &mut single);
        let mut largest = [0f64; 2];
        for ((expected, double), single) in expected.into_iter().zip(double).zip(single) {
            assert_eq!(expected.is_nan(), double.is_nan() && single.is_nan());
            if !expected.is_nan() {
                let differences = [double - expected, f64::from(single) - expected].map(f64::abs);
                largest =
                    [0, 1].map(|i| if differences[i] <= largest[i] { largest[i] } else { differences[i] });
            }
        }
        println!("largest differences in f64 and f32 {largest:?}");
        assert!(largest[0] <= 1e-15 && largest[1] <= 3e-7);
    }
}
