//! Compares a device with the CPU, and a coarse dtype with f64.

use candle_core::{DType, Device, Result as CandleResult, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::analytical::{Graph, InputGradient};
use super::compare::{JacobianPair, Tolerance};
use super::dtype::{epsilon, rounded};
use super::error::Error;
use super::failure::Failure;
use super::function::{Eval, Outputs, at_point};
use super::jacobian::{Entry, Matrix, max_abs};
use super::parity_report::{Parity, Sides};
use super::point::{Input, Role, elements};
use super::probe::random_vector;
use super::settings::GradCheck;
use super::validate::assign_roles;

impl GradCheck {
    /// Compares values and gradients of `f` on `device` with those on the CPU.
    ///
    /// Both get the same inputs in the same layouts and the same random upstream gradients. The absolute and
    /// the relative tolerance depend on the dtype that is compared: f64 1e-7, f32 1e-5, f16 2e-3, bf16 2e-2.
    ///
    /// # Errors
    ///
    /// [`Error::Parity`] if the devices disagree, another [`Error`] if `f` fails on one of them.
    pub fn parity<F, O>(&self, f: F, inputs: &[Tensor], device: &Device) -> Result<Parity, Error>
    where
        F: Fn(&[Tensor]) -> CandleResult<O>,
        O: Into<Outputs>,
    {
        let eval = at_point(f);
        let on = |device: &Device| {
            let moved: Vec<_> = inputs.iter().map(|x| x.to_device(device)).collect::<CandleResult<_>>()?;
            assign_roles(self, &moved)
        };
        let (cpu_inputs, device_inputs) = (on(&Device::Cpu)?, on(device)?);
        let cpu = Run::new(&eval, &cpu_inputs, self.seed, DType::F64)?;
        let other = Run::new(&eval, &device_inputs, self.seed, DType::F64)?;
        let tolerance = |_: &[f64], dtype| {
            let tolerance = match dtype {
                DType::F32 => 1e-5,
                DType::F16 => 2e-3,
                DType::BF16 => 2e-2,
                _ => 1e-7,
            };
            Tolerance { atol: tolerance, rtol: tolerance }
        };
        let criterion = Criterion { sides: Sides::Devices, same_dtype: true, tolerance: &tolerance };
        cpu.compare(&other, &cpu_inputs, format!("{:?}", device.location()), &criterion)
    }

    /// Compares values and gradients of `f` in `dtype`, which is F32, F16 or BF16, with those in F64.
    ///
    /// Inputs and random upstream gradients are rounded to `dtype` first, so that both get the same numbers,
    /// and the function is called with all float inputs in F64 and again with all in `dtype`; all are
    /// contiguous, and integer inputs stay as they are. What differs is then the rounding inside `f` and its
    /// backward: sums that are accumulated in `dtype`, intermediate results that overflow or vanish,
    /// differences of nearly equal numbers, constants that `dtype` does not hold.
    ///
    /// A number passes if it is off by at most 16 epsilons of `dtype` (f32 1.9e-6, f16 0.016, bf16 0.13)
    /// times the sum of its own size and that of the largest number in its tensor. Differences of nearly
    /// equal results of several operations can exceed this rightly. Central differences, by contrast, see
    /// next to nothing in half precision ([`DTypePolicy`](super::DTypePolicy)).
    ///
    /// # Errors
    ///
    /// [`Error::Parity`] if the dtypes disagree, another [`Error`] if `f` fails in one of them or `dtype` is
    /// not one of the three.
    pub fn dtype_parity<F, O>(&self, f: F, inputs: &[Tensor], dtype: DType) -> Result<Parity, Error>
    where
        F: Fn(&[Tensor]) -> CandleResult<O>,
        O: Into<Outputs>,
    {
        if !matches!(dtype, DType::F32 | DType::F16 | DType::BF16) {
            return Err(Error::ParityDType { dtype });
        }
        let eval = at_point(f);
        let in_dtype = |wide: DType| {
            let cast = |x: &Tensor| {
                if x.dtype().is_float() { x.to_dtype(dtype)?.to_dtype(wide) } else { Ok(x.clone()) }
            };
            assign_roles(self, &inputs.iter().map(cast).collect::<CandleResult<Vec<_>>>()?)
        };
        let (fine_inputs, coarse_inputs) = (in_dtype(DType::F64)?, in_dtype(dtype)?);
        let fine = Run::new(&eval, &fine_inputs, self.seed, dtype)?;
        let coarse = Run::new(&eval, &coarse_inputs, self.seed, dtype)?;
        let tolerance = |reference: &[f64], _| {
            const ROUNDINGS: f64 = 16.0;
            let rtol = ROUNDINGS * epsilon(dtype);
            Tolerance { atol: rtol * max_abs(reference.iter().copied()), rtol }
        };
        let criterion = Criterion { sides: Sides::DTypes, same_dtype: false, tolerance: &tolerance };
        fine.compare(&coarse, &fine_inputs, dtype.as_str().into(), &criterion)
    }
}

/// When two runs agree.
struct Criterion<'a> {
    sides: Sides,
    /// Whether outputs must have the same dtype in both runs.
    same_dtype: bool,
    /// The tolerance for the elements of a tensor, by those of the reference and its dtype.
    tolerance: &'a dyn Fn(&[f64], DType) -> Tolerance,
}

/// The values and gradients of the function in one run.
struct Run {
    outputs: Vec<Tensor>,
    values: Vec<Vec<f64>>,
    /// By output and then by input.
    gradients: Vec<Result<Vec<InputGradient>, Failure>>,
}

impl Run {
    /// Runs the function forward and backward, with random upstream gradients rounded to `dtype`.
    fn new(eval: &Eval, inputs: &[Input], seed: u64, dtype: DType) -> Result<Self, Error> {
        let graph = Graph::build(eval, inputs)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut run = Self { outputs: graph.outputs.clone(), values: vec![], gradients: vec![] };
        for (output, y) in graph.outputs.iter().enumerate() {
            let upstream = random_vector(y.elem_count(), &mut rng);
            let upstream: Vec<f64> = upstream.into_iter().map(|u| rounded(u, dtype)).collect();
            run.values.push(elements(y)?);
            run.gradients.push(if y.dtype().is_float() {
                graph.backward(output, &upstream, None)
            } else {
                Ok(vec![InputGradient::Unreached; inputs.len()])
            });
        }
        Ok(run)
    }

    /// Compares `other`, called `name`, with this run.
    fn compare(
        &self,
        other: &Self,
        inputs: &[Input],
        name: String,
        criterion: &Criterion,
    ) -> Result<Parity, Error> {
        let sides = criterion.sides;
        let mut parity = Parity { device: name, sides, values: vec![], gradients: vec![], failures: vec![] };
        for (output, (y, z)) in self.outputs.iter().zip(&other.outputs).enumerate() {
            if y.dims() != z.dims() || (criterion.same_dtype && y.dtype() != z.dtype()) {
                parity.failures.push(format!("output {output} differs in shape or dtype"));
                continue;
            }
            let (reference, values) = (&self.values[output], &other.values[output]);
            parity.values.push(criterion.worst((output, 0), reference, values, y));
            let (ours, theirs) = match (&self.gradients[output], &other.gradients[output]) {
                (Ok(ours), Ok(theirs)) => (ours, theirs),
                (ours, theirs) => {
                    let failures = ours.as_ref().err().into_iter().chain(theirs.as_ref().err());
                    parity.failures.extend(failures.map(ToString::to_string));
                    continue;
                }
            };
            for (input, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                match (ours.values(), theirs.values()) {
                    (Some(a), Some(b)) => {
                        parity.gradients.push(criterion.worst((output, input), a, b, &inputs[input].tensor));
                    }
                    (None, None) => parity.gradients.push(None),
                    _ if inputs[input].role == Role::Constant => parity.gradients.push(None),
                    _ => parity.failures.push(format!(
                        "a gradient from output {output} reaches input {input} {} only",
                        sides.one()
                    )),
                }
            }
        }
        if self.outputs.len() != other.outputs.len() {
            parity.failures.push("the number of outputs differs".into());
        }
        if parity.passed() { Ok(parity) } else { Err(Error::Parity(Box::new(parity))) }
    }
}

impl Criterion<'_> {
    /// The element of two equally long lists that is furthest from agreement.
    fn worst(
        &self,
        (output, input): (usize, usize),
        reference: &[f64],
        values: &[f64],
        like: &Tensor,
    ) -> Option<Entry> {
        // What is not finite on both sides in the same way has no difference, and would hide that of the
        // others.
        let is_same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
        let finite =
            |(&a, &b): (&f64, &f64)| if is_same(a, b) && !a.is_finite() { (0.0, 0.0) } else { (a, b) };
        let (reference, values): (Vec<_>, Vec<_>) = reference.iter().zip(values).map(finite).unzip();
        // Indices and counts are right or wrong.
        let tolerance = if like.dtype().is_float() {
            (self.tolerance)(&reference, like.dtype())
        } else {
            Tolerance { atol: 0.0, rtol: 0.0 }
        };
        // As a column, so that its row counts the elements.
        let column = |data: Vec<f64>| Matrix { rows: data.len(), columns: 1, data };
        let pair = JacobianPair {
            output,
            input,
            shapes: Some((like.dims(), &[])),
            numerical: column(reference),
            analytical: column(values),
            tolerance,
        };
        let entry = pair.entry(pair.compare().worst?);
        Some(Entry { input_index: entry.output_index.clone(), ..entry })
    }
}
