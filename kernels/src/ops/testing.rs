//! What the tests of several operations share.

use candle_core::{D, DType, Device, Result, Tensor, Var};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The allowed difference from an expected number: |actual - expected| <= absolute + relative |expected|.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tolerance {
    pub(super) relative: f64,
    pub(super) absolute: f64,
}

/// The tolerance of a sum of `terms` numbers of magnitude 1.
pub(super) fn tolerance(dtype: DType, terms: usize) -> Tolerance {
    let unit = match dtype {
        DType::F64 => 1e-15,
        DType::F32 => 4e-7,
        DType::F16 => 2e-3,
        _ => 1.6e-2,
    };
    Tolerance { relative: 2. * unit, absolute: unit * terms.max(1) as f64 }
}

/// Compares element by element; an expected NaN or infinity wants the same.
pub(super) fn assert_close(what: &str, actual: &[f64], expected: &[f64], tolerance: Tolerance) {
    assert_eq!(actual.len(), expected.len(), "{what}: number of elements");
    for (i, (&actual, &expected)) in actual.iter().zip(expected).enumerate() {
        let is_close = if expected.is_finite() {
            (actual - expected).abs() <= tolerance.absolute + tolerance.relative * expected.abs()
        } else {
            actual.total_cmp(&expected).is_eq() || actual.is_nan() && expected.is_nan()
        };
        assert!(is_close, "{what}[{i}] is {actual}, expected {expected}");
    }
}

/// The elements of a tensor in row-major order.
pub(super) fn values(x: &Tensor) -> Vec<f64> {
    // Candle 0.11 panics when it reads an empty view whose offset is past the end of its storage.
    if x.elem_count() == 0 {
        return Vec::new();
    }
    x.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

/// The message of an error; under `RUST_BACKTRACE` Candle appends a trace to it.
pub(super) fn message(result: Result<Tensor>) -> String {
    result.unwrap_err().to_string().lines().next().unwrap_or_default().to_owned()
}

/// Eighths in [-1, 1], exact in every dtype.
pub(super) fn eighths(shape: &[usize], rng: &mut ChaCha8Rng) -> Tensor {
    let data: Vec<f64> =
        (0..shape.iter().product()).map(|_| f64::from(rng.random_range(-8i8..=8)) / 8.).collect();
    Tensor::from_vec(data, shape, &Device::Cpu).unwrap()
}

/// How an operand of some shape is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum View {
    Contiguous,
    /// The last two axes are exchanged.
    Transposed,
    /// Part of an operand that is longer along each axis.
    Narrowed,
    /// One row for all, with a stride of 0.
    Repeated,
}

impl View {
    pub(super) const ALL: [Self; 4] = [Self::Contiguous, Self::Transposed, Self::Narrowed, Self::Repeated];

    /// The shape of the stored tensor.
    pub(super) fn base(self, shape: &[usize]) -> Vec<usize> {
        let mut base = shape.to_vec();
        let rank = base.len();
        match self {
            Self::Transposed if rank > 1 => base.swap(rank - 2, rank - 1),
            Self::Narrowed => base.iter_mut().for_each(|len| *len += 3),
            Self::Repeated => base[0] = 1,
            _ => {}
        }
        base
    }

    /// The operand of `shape` as a view of the stored tensor.
    pub(super) fn of(self, base: &Tensor, shape: &[usize]) -> Result<Tensor> {
        match self {
            Self::Transposed if shape.len() > 1 => base.transpose(D::Minus2, D::Minus1),
            Self::Narrowed => {
                shape.iter().enumerate().try_fold(base.clone(), |x, (axis, &len)| x.narrow(axis, 2, len))
            }
            Self::Repeated => base.broadcast_as(shape),
            _ => Ok(base.clone()),
        }
    }
}

/// The value of `f` at views of variables, and the variables' gradients for `upstream`.
pub(super) fn results(
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    bases: &[Tensor],
    views: &[(View, Vec<usize>)],
    dtype: DType,
    upstream: &Tensor,
) -> Vec<Vec<f64>> {
    let vars: Vec<Var> =
        bases.iter().map(|x| Var::from_tensor(&x.to_dtype(dtype).unwrap()).unwrap()).collect();
    let x: Vec<Tensor> =
        vars.iter().zip(views).map(|(x, (view, shape))| view.of(x, shape).unwrap()).collect();
    let z = f(&x).unwrap();
    assert_eq!(z.dtype(), dtype);
    let grads = (&z * upstream.to_dtype(dtype).unwrap()).unwrap().sum_all().unwrap().backward().unwrap();
    let grads = vars.iter().map(|x| values(grads.get(x).unwrap()));
    [values(&z)].into_iter().chain(grads).collect()
}
