//! One device held against another.

use std::fmt;

use candle_core::{DType, Device, Result as CandleResult, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::analytical::{Arrived, Graph};
use super::compare::{Place, Survey, Tolerance};
use super::point::{Eval, Input, Point, Role, values};
use super::probe::random;
use super::report::{Entry, Matrix};
use super::{Error, Failure, GradCheck, Outputs};

/// Values and gradients of a function on a device, held against the CPU's.
///
/// In the entries `numerical` is what the CPU gives and `analytical` what the device gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parity {
    /// The device.
    pub device: String,
    /// The worst element of every output, by output; `None` for an empty or integer one.
    pub values: Vec<Option<Entry>>,
    /// The worst element of every gradient, by output and then by input; `None` where none is due.
    pub gradients: Vec<Option<Entry>>,
    /// What went wrong besides, on either device.
    pub failures: Vec<String>,
}

impl Parity {
    /// Whether the devices agree.
    pub fn passed(&self) -> bool {
        let mut entries = self.values.iter().chain(&self.gradients).flatten();
        self.failures.is_empty() && entries.all(Entry::agrees)
    }
}

impl fmt::Display for Parity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passed() { "agrees" } else { "disagrees" };
        write!(f, "{} {verdict} with the CPU", self.device)?;
        for failure in &self.failures {
            write!(f, "\n  {failure}")?;
        }
        let differ = |entry: &&Entry| !entry.agrees();
        for Entry { output, output_index, numerical, analytical, absolute, tolerance, .. } in
            self.values.iter().flatten().filter(differ)
        {
            write!(
                f,
                "\n  output {output}{output_index:?} is {numerical:.6e} on the CPU and {analytical:.6e} there: off by \
                 {absolute:.3e}, tolerance {tolerance:.3e}"
            )?;
        }
        for Entry { output, input, input_index, numerical, analytical, absolute, tolerance, .. } in
            self.gradients.iter().flatten().filter(differ)
        {
            write!(
                f,
                "\n  the gradient of output {output} by input {input}{input_index:?} is {numerical:.6e} on the CPU and \
                 {analytical:.6e} there: off by {absolute:.3e}, tolerance {tolerance:.3e}"
            )?;
        }
        Ok(())
    }
}

impl GradCheck {
    /// Holds values and gradients of `f` on `device` against those on the CPU.
    ///
    /// Both get the same inputs in the same layouts and the same random upstream gradient. The tolerances go by
    /// the dtype of what is compared, absolute and relative: f64 1e-7, f32 1e-5, f16 2e-3, bf16 2e-2.
    ///
    /// # Errors
    ///
    /// [`Error::Parity`] if the devices disagree, another [`Error`] if `f` fails on one of them.
    pub fn parity<F, O>(&self, f: F, inputs: &[Tensor], device: &Device) -> Result<Parity, Error>
    where
        F: Fn(&[Tensor]) -> CandleResult<O>,
        O: Into<Outputs>,
    {
        let eval = |point: &Point| Ok(f(&point.inputs)?.into().0);
        let on = |device: &Device| {
            let moved: Vec<_> = inputs.iter().map(|x| x.to_device(device)).collect::<CandleResult<_>>()?;
            self.inputs(&moved)
        };
        let (cpu_inputs, device_inputs) = (on(&Device::Cpu)?, on(device)?);
        let cpu = Side::run(&eval, &cpu_inputs, self.seed)?;
        let there = Side::run(&eval, &device_inputs, self.seed)?;
        let parity = cpu.against(&there, &cpu_inputs, format!("{:?}", device.location()));
        if parity.passed() { Ok(parity) } else { Err(Error::Parity(Box::new(parity))) }
    }
}

/// What one device makes of the function.
struct Side {
    outputs: Vec<Tensor>,
    values: Vec<Vec<f64>>,
    arrived: Vec<Result<Vec<Arrived>, Failure>>,
}

impl Side {
    fn run(eval: &Eval, inputs: &[Input], seed: u64) -> Result<Self, Error> {
        let graph = Graph::build(eval, inputs)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut side = Self { outputs: graph.outputs.clone(), values: vec![], arrived: vec![] };
        for (output, y) in graph.outputs.iter().enumerate() {
            let upstream = random(y.elem_count(), &mut rng);
            side.values.push(values(y)?);
            let float = y.dtype().is_float();
            let nothing = || Ok(vec![Arrived::Unreached; inputs.len()]);
            side.arrived.push(if float { graph.backward(output, &upstream, None) } else { nothing() });
        }
        Ok(side)
    }

    fn against(&self, there: &Self, inputs: &[Input], device: String) -> Parity {
        let mut parity = Parity { device, values: vec![], gradients: vec![], failures: vec![] };
        for (output, (y, z)) in self.outputs.iter().zip(&there.outputs).enumerate() {
            if (y.dims(), y.dtype()) != (z.dims(), z.dtype()) {
                parity.failures.push(format!("output {output} differs in shape or dtype"));
                continue;
            }
            let values = (self.values[output].as_slice(), there.values[output].as_slice());
            parity.values.push(worst((output, 0), values, y));
            let (here, there) = match (&self.arrived[output], &there.arrived[output]) {
                (Ok(here), Ok(there)) => (here, there),
                (here, there) => {
                    let failures = here.as_ref().err().into_iter().chain(there.as_ref().err());
                    parity.failures.extend(failures.map(ToString::to_string));
                    continue;
                }
            };
            for (input, (here, there)) in here.iter().zip(there).enumerate() {
                match (here.values(), there.values()) {
                    (Some(a), Some(b)) => {
                        parity.gradients.push(worst((output, input), (a, b), &inputs[input].tensor));
                    }
                    (None, None) => parity.gradients.push(None),
                    _ if inputs[input].role == Role::Constant => parity.gradients.push(None),
                    _ => parity.failures.push(format!(
                        "output {output} sends a gradient to input {input} on one device only"
                    )),
                }
            }
        }
        if self.outputs.len() != there.outputs.len() {
            parity.failures.push("the number of outputs differs".into());
        }
        parity
    }
}

/// The element of two equally long lists that differs most.
fn worst((output, input): (usize, usize), (a, b): (&[f64], &[f64]), like: &Tensor) -> Option<Entry> {
    let tolerance = match like.dtype() {
        DType::F32 => 1e-5,
        DType::F16 => 2e-3,
        DType::BF16 => 2e-2,
        _ => 1e-7,
    };
    // A list is a column for the index to count its elements, as output and as input.
    let column = |data: &[f64]| Matrix { rows: data.len(), columns: 1, data: data.to_vec() };
    let place = Place { output, input, shapes: Some((like.dims(), &[])) };
    let tolerance = Tolerance { atol: tolerance, rtol: tolerance };
    let (a, b) = (column(a), column(b));
    let entry = place.entry(&a, &b, Survey::of(&a, &b, tolerance).worst?, tolerance);
    Some(Entry { input_index: entry.output_index.clone(), ..entry })
}
