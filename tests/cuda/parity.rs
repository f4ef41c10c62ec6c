//! What the CUDA tests share: the device, generated operands in every layout, and the comparison with the
//! CPU.

use candle_core::{D, DType, Device, Result, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use taper::ops::{TieGrad, cos, gelu, maximum_with, mish, mul, relu, silu};

use crate::compare::values;
use crate::cosines::ulps;

/// The dtypes that the operations take.
pub const DTYPES: [DType; 4] = [DType::F32, DType::F64, DType::F16, DType::BF16];

/// The first GPU.
///
/// Candle queues work on the stream of the calling thread, so a device stays in the thread that opened it.
pub fn gpu() -> Device {
    Device::new_cuda(0).unwrap()
}

/// An operation under test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    Mul,
    Maximum(TieGrad),
    Relu,
    Cos,
    Silu,
    Mish,
    Gelu,
}

impl Op {
    pub const ALL: [Self; 9] = [
        Self::Mul,
        Self::Maximum(TieGrad::Split),
        Self::Maximum(TieGrad::First),
        Self::Maximum(TieGrad::Second),
        Self::Relu,
        Self::Cos,
        Self::Silu,
        Self::Mish,
        Self::Gelu,
    ];

    /// The number of operands.
    pub fn arity(self) -> usize {
        if matches!(self, Self::Mul | Self::Maximum(_)) { 2 } else { 1 }
    }

    pub fn apply(self, x: &[Tensor]) -> Result<Tensor> {
        match self {
            Self::Mul => mul(&x[0], &x[1]),
            Self::Maximum(tie) => maximum_with(&x[0], &x[1], tie),
            Self::Relu => relu(&x[0]),
            Self::Cos => cos(&x[0]),
            Self::Silu => silu(&x[0]),
            Self::Mish => mish(&x[0]),
            Self::Gelu => gelu(&x[0]),
        }
    }
}

/// Which numbers the operands hold.
#[derive(Debug, Clone, Copy)]
pub enum Numbers {
    /// Multiples of 1/2 in [-2, 2]: operands tie often, and sums of some dozens of products are exact, in
    /// whatever order a device adds them.
    Plain,
    /// The same, with NaN, infinities and both zeros among them.
    Special,
    /// Of all magnitudes, so that products overflow, underflow and are rounded.
    Wide,
}

impl Numbers {
    pub const ALL: [Self; 3] = [Self::Plain, Self::Special, Self::Wide];

    fn draw(self, rng: &mut ChaCha8Rng) -> f64 {
        const SPECIAL: [f64; 5] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0., -0.];
        match self {
            Self::Special if rng.random_bool(0.15) => SPECIAL[rng.random_range(0..SPECIAL.len())],
            Self::Plain | Self::Special => f64::from(rng.random_range(-4..=4)) / 2.,
            Self::Wide => rng.random_range(-2f64..2.) * f64::from(rng.random_range(-18i32..10)).exp2(),
        }
    }

    /// A tensor of the CPU.
    pub fn tensor(self, shape: &[usize], dtype: DType, rng: &mut ChaCha8Rng) -> Tensor {
        let values: Vec<f64> = (0..shape.iter().product()).map(|_| self.draw(rng)).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
    }
}

/// The upstream gradient of a result: random, of few binary digits, and never zero.
pub fn upstream(shape: &[usize], dtype: DType, rng: &mut ChaCha8Rng) -> Tensor {
    const VALUES: [f64; 4] = [-1., -0.5, 0.5, 1.];
    let values: Vec<f64> =
        (0..shape.iter().product()).map(|_| VALUES[rng.random_range(0..VALUES.len())]).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

/// How an operand lies in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum View {
    Contiguous,
    /// One piece that starts behind so many other elements.
    Offset(usize),
    /// The last two axes are exchanged.
    Transposed,
    /// All axes are in reverse order.
    Reversed,
    /// The rows are parts of longer ones.
    Gaps,
    /// Every second row of a larger tensor: a slice of an axis of its own.
    Alternate,
    /// One element for all positions.
    Scalar,
    /// One row for all rows.
    Row,
    /// One column for all columns.
    Column,
}

impl View {
    /// The layouts of a tensor of two axes or more.
    pub const ALL: [Self; 9] = [
        Self::Contiguous,
        Self::Offset(3),
        Self::Transposed,
        Self::Reversed,
        Self::Gaps,
        Self::Alternate,
        Self::Scalar,
        Self::Row,
        Self::Column,
    ];

    /// The shape of the tensor that a view of shape `shape` is taken of.
    pub fn base(self, shape: &[usize]) -> Vec<usize> {
        let rank = shape.len();
        let mut base = shape.to_vec();
        match self {
            Self::Contiguous => {}
            Self::Offset(start) => base = vec![start + shape.iter().product::<usize>() + 2],
            Self::Transposed => base.swap(rank - 2, rank - 1),
            Self::Reversed => base.reverse(),
            Self::Gaps => base[rank - 1] += 3,
            Self::Alternate => base.insert(1, 2),
            Self::Scalar => base.clear(),
            Self::Row => base[..rank - 1].fill(1),
            Self::Column => base[rank - 1] = 1,
        }
        base
    }

    /// The view of shape `shape`, differentiable.
    pub fn of(self, base: &Tensor, shape: &[usize]) -> Result<Tensor> {
        let len = shape.iter().product();
        match self {
            Self::Contiguous => Ok(base.clone()),
            Self::Offset(start) => base.narrow(0, start, len)?.reshape(shape),
            Self::Transposed => base.transpose(D::Minus2, D::Minus1),
            Self::Reversed => base.permute((0..shape.len()).rev().collect::<Vec<_>>()),
            Self::Gaps => base.narrow(D::Minus1, 1, shape[shape.len() - 1]),
            Self::Alternate => base.narrow(1, 1, 1)?.squeeze(1),
            Self::Scalar | Self::Row | Self::Column => base.broadcast_as(shape),
        }
    }
}

/// The result of an operation and the gradients of the tensors that its operands are views of, on the CPU.
pub fn value_and_gradients(
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    inputs: &[Tensor],
    upstream: &Tensor,
    device: &Device,
) -> Result<Vec<Tensor>> {
    let vars: Vec<Var> =
        inputs.iter().map(|x| Var::from_tensor(&x.to_device(device)?)).collect::<Result<_>>()?;
    let tensors: Vec<Tensor> = vars.iter().map(|x| x.as_tensor().clone()).collect();
    let z = f(&tensors)?;
    let grads = z.mul(&upstream.to_device(device)?)?.sum_all()?.backward()?;
    let mut results = vec![z.to_device(&Device::Cpu)?];
    for x in &vars {
        results.push(grads.get(x).unwrap().to_device(&Device::Cpu)?);
    }
    Ok(results)
}

/// The largest differences that a test met.
#[derive(Debug, Default)]
pub struct Differences {
    pub cases: usize,
    pub elements: usize,
    /// In units in the last place, where these are what counts.
    pub ulps: f64,
    /// Of sums.
    pub absolute: f64,
}

impl Differences {
    pub fn print(&self, what: &str) {
        let Self { cases, elements, ulps, absolute } = self;
        println!(
            "{what}: {cases} cases, {elements} elements, largest difference {ulps} ulp, of sums {absolute:e}"
        );
    }

    /// Holds the device's values against the CPU's.
    ///
    /// An expected NaN wants a NaN, and an unexpected one fails.
    pub fn hold(&mut self, what: &str, there: &Tensor, here: &Tensor, allowed: Allowed) {
        assert_eq!((there.dims(), there.dtype()), (here.dims(), here.dtype()), "{what}: shape and dtype");
        let (digits, least) = precision(here.dtype());
        let (there, here) = (values(there), values(here));
        assert_eq!(there.len(), here.len(), "{what}: number of elements");
        self.elements += here.len();
        for (i, (&a, &e)) in there.iter().zip(&here).enumerate() {
            if a.to_bits() == e.to_bits() || a.is_nan() && e.is_nan() {
                continue;
            }
            let off = ulps(a, e, 0., digits, least);
            let fits = match allowed {
                Allowed::Nothing => false,
                Allowed::Subnormals => a.abs().max(e.abs()) < f64::from(least).exp2(),
                Allowed::Ulps(allowed) => off <= allowed,
                Allowed::Rounding(units) => {
                    (a - e).abs() <= units * f64::from(1 - digits).exp2() * (1. + e.abs())
                }
                Allowed::Absolute(allowed) => (a - e).abs() <= allowed,
            };
            assert!(
                fits,
                "{what}[{i}] is {a:e} on the device and {e:e} on the CPU, {off} ulp off, {allowed:?}"
            );
            match allowed {
                Allowed::Ulps(_) => self.ulps = self.ulps.max(off),
                _ => self.absolute = self.absolute.max((a - e).abs()),
            }
        }
    }

    /// Holds `op` of operands seen as `views` of `shape`, and the gradients of what they are views of,
    /// against the CPU.
    pub fn check(
        &mut self,
        gpu: &Device,
        op: Op,
        dtype: DType,
        shape: &[usize],
        views: &[View],
        numbers: Numbers,
    ) {
        let what = format!("{op:?} {dtype:?} {shape:?} {views:?} {numbers:?}");
        let mut rng = ChaCha8Rng::seed_from_u64(self.cases as u64);
        let inputs: Vec<Tensor> =
            views.iter().map(|view| numbers.tensor(&view.base(shape), dtype, &mut rng)).collect();
        let upstream = upstream(shape, dtype, &mut rng);
        let f = |x: &[Tensor]| {
            let x: Vec<_> = x.iter().zip(views).map(|(x, view)| view.of(x, shape)).collect::<Result<_>>()?;
            op.apply(&x)
        };
        let on = |device: &Device| {
            value_and_gradients(f, &inputs, &upstream, device)
                .unwrap_or_else(|error| panic!("{what} on {:?}: {error}", device.location()))
        };
        let (there, here) = (on(gpu), on(&Device::Cpu));
        for (k, (there, here)) in there.iter().zip(&here).enumerate() {
            let (part, terms) = match k {
                0 => ("value".to_owned(), 1),
                _ => (format!("gradient {k}"), (upstream.elem_count() / here.elem_count().max(1)).max(1)),
            };
            self.hold(&format!("{what} {part}"), there, here, allowed(op, dtype, k == 0, terms));
        }
        self.cases += 1;
    }
}

/// By how much the device may differ from the CPU.
#[derive(Debug, Clone, Copy)]
pub enum Allowed {
    /// Equal bit for bit, the signs of zeros included.
    Nothing,
    /// Equal, where subnormal numbers count as zero: Candle's CPU flushes them when it adds gradients in
    /// `bf16`.
    Subnormals,
    /// Units in the last place.
    Ulps(f64),
    /// Units in the last place of 1 and of the value.
    Rounding(f64),
    Absolute(f64),
}

/// What is allowed to a value, or to a gradient that is a sum of so many `terms`.
///
/// CUDA documents 2 ulp for the cosine and the sine, and the CPU's are within 1. The gradient is such a sine
/// times a number, which may double the ulp of the product against its size and rounds once more on either
/// side. In 16 bits all that may turn one rounding. Devices add the terms of a sum in different orders.
fn allowed(op: Op, dtype: DType, value: bool, terms: usize) -> Allowed {
    let is_smooth = matches!(op, Op::Silu | Op::Mish | Op::Gelu);
    if op != Op::Cos && !is_smooth {
        return Allowed::Nothing;
    }
    match dtype {
        // Their terms cancel, and each has an exponential within 2 ulp on either side.
        _ if terms == 1 && is_smooth => Allowed::Rounding(4.),
        _ if terms > 1 => Allowed::Absolute(terms as f64 * f64::from(4 - precision(dtype).0).exp2()),
        DType::F32 | DType::F64 => Allowed::Ulps(if value { 3. } else { 7. }),
        _ => Allowed::Ulps(1.),
    }
}

/// The binary digits and the least exponent of a dtype.
pub fn precision(dtype: DType) -> (i32, i32) {
    match dtype {
        DType::F64 => (53, -1022),
        DType::F16 => (11, -14),
        DType::BF16 => (8, -126),
        _ => (24, -126),
    }
}
