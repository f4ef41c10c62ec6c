//! Compares a device with the CPU.

use candle_core::{DType, Device, Result as CandleResult, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::analytical::{Graph, InputGradient};
use super::compare::{JacobianPair, Tolerance};
use super::error::Error;
use super::failure::Failure;
use super::function::{Eval, Outputs, at_point};
use super::jacobian::{Entry, Matrix};
use super::point::{Input, Role, elements};
use super::probe::random_vector;
use super::report::Parity;
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
        let cpu = DeviceRun::new(&eval, &cpu_inputs, self.seed)?;
        let other = DeviceRun::new(&eval, &device_inputs, self.seed)?;
        let parity = cpu.compare(&other, &cpu_inputs, format!("{:?}", device.location()));
        if parity.passed() { Ok(parity) } else { Err(Error::Parity(Box::new(parity))) }
    }
}

/// The values and gradients of the function on one device.
struct DeviceRun {
    outputs: Vec<Tensor>,
    values: Vec<Vec<f64>>,
    /// By output and then by input.
    gradients: Vec<Result<Vec<InputGradient>, Failure>>,
}

impl DeviceRun {
    fn new(eval: &Eval, inputs: &[Input], seed: u64) -> Result<Self, Error> {
        let graph = Graph::build(eval, inputs)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut run = Self { outputs: graph.outputs.clone(), values: vec![], gradients: vec![] };
        for (output, y) in graph.outputs.iter().enumerate() {
            let upstream = random_vector(y.elem_count(), &mut rng);
            run.values.push(elements(y)?);
            run.gradients.push(if y.dtype().is_float() {
                graph.backward(output, &upstream, None)
            } else {
                Ok(vec![InputGradient::Unreached; inputs.len()])
            });
        }
        Ok(run)
    }

    fn compare(&self, other: &Self, inputs: &[Input], device: String) -> Parity {
        let mut parity = Parity { device, values: vec![], gradients: vec![], failures: vec![] };
        for (output, (y, z)) in self.outputs.iter().zip(&other.outputs).enumerate() {
            if (y.dims(), y.dtype()) != (z.dims(), z.dtype()) {
                parity.failures.push(format!("output {output} differs in shape or dtype"));
                continue;
            }
            parity.values.push(worst((output, 0), &self.values[output], &other.values[output], y));
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
                        parity.gradients.push(worst((output, input), a, b, &inputs[input].tensor));
                    }
                    (None, None) => parity.gradients.push(None),
                    _ if inputs[input].role == Role::Constant => parity.gradients.push(None),
                    _ => parity.failures.push(format!(
                        "a gradient from output {output} reaches input {input} on one device only"
                    )),
                }
            }
        }
        if self.outputs.len() != other.outputs.len() {
            parity.failures.push("the number of outputs differs".into());
        }
        parity
    }
}

/// The element of two equally long lists that is furthest from agreement.
fn worst((output, input): (usize, usize), cpu: &[f64], device: &[f64], like: &Tensor) -> Option<Entry> {
    let tolerance = match like.dtype() {
        DType::F32 => 1e-5,
        DType::F16 => 2e-3,
        DType::BF16 => 2e-2,
        _ => 1e-7,
    };
    // As a column, so that its row counts the elements.
    let column = |data: &[f64]| Matrix { rows: data.len(), columns: 1, data: data.to_vec() };
    let pair = JacobianPair {
        output,
        input,
        shapes: Some((like.dims(), &[])),
        numerical: column(cpu),
        analytical: column(device),
        tolerance: Tolerance { atol: tolerance, rtol: tolerance },
    };
    let entry = pair.entry(pair.compare().worst?);
    Some(Entry { input_index: entry.output_index.clone(), ..entry })
}
