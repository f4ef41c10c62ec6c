//! One check from end to end.

use candle_core::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::analytical::{Arrived, Graph};
use super::compare::{Tolerance, within};
use super::judge::Sides;
use super::names::Names;
use super::numerical::Sampler;
use super::point::{Eval, Input, Point, Role, values};
use super::probe::{Probe, units};
use super::report::{Gradient, Matrix, Pair, Report, largest};
use super::upstream;
use super::{Error, Failure, GradCheck, Mode};

/// One check in progress.
pub(super) struct Check<'a> {
    pub(super) settings: &'a GradCheck,
    pub(super) tolerance: Tolerance,
    pub(super) inputs: &'a [Input],
    pub(super) graph: Graph<'a>,
    pub(super) failures: Vec<Failure>,
    pub(super) sampler: Sampler<'a>,
    pub(super) eps: f64,
    pub(super) notes: Vec<String>,
    pub(super) names: Names,
}

impl<'a> Check<'a> {
    /// Evaluates the function at the inputs, and refuses what cannot be checked.
    pub(super) fn begin(
        settings: &'a GradCheck,
        eval: &'a Eval<'a>,
        inputs: &'a [Input],
        names: &Names,
    ) -> Result<Self, Error> {
        if !inputs.iter().any(|input| input.role == Role::Differentiated) {
            return Err(Error::Nothing("input"));
        }
        run_decoy(eval, inputs)?;
        let graph = Graph::build(eval, inputs)?;
        if !graph.outputs.iter().any(|output| output.dtype().is_float()) {
            return Err(Error::Nothing("output"));
        }
        let mut notes = vec![];
        let (eps, tolerance) = settings.numbers_for(inputs, &graph.outputs, &mut notes)?;
        let sampler = Sampler::new(eval, inputs, &graph.outputs, eps)?;
        Ok(Self {
            settings,
            tolerance,
            inputs,
            graph,
            failures: vec![],
            sampler,
            eps,
            notes,
            names: names.clone(),
        })
    }

    /// How many entries the Jacobians have: output elements times input elements.
    pub(super) fn entries(&self) -> usize {
        let inputs = self.inputs.iter().filter(|input| input.role == Role::Differentiated);
        let outputs = self.graph.outputs.iter().filter(|output| output.dtype().is_float());
        let columns: usize = inputs.map(|input| input.values.len()).sum();
        outputs.map(Tensor::elem_count).sum::<usize>().saturating_mul(columns)
    }

    /// Runs the whole check.
    ///
    /// # Errors
    ///
    /// If the function fails beside the inputs. What is wrong with derivatives is in the report.
    pub(super) fn run(mut self, mode: Mode, order: u8) -> Result<Report, Error> {
        self.forward_twice()?;
        self.forward_contiguous()?;
        let (rows, columns) = self.probes(mode);
        let numerical = self.numerical(&rows, &columns)?;
        run_decoy(self.sampler.eval, self.inputs)?;
        let mut pairs = vec![];
        for output in 0..rows.len() {
            if !self.graph.outputs[output].dtype().is_float() {
                continue;
            }
            if let Some(failure) = self.undefined(output, &columns)? {
                self.failures.push(failure);
                continue;
            }
            let analytical = match self.analytical(output, &rows[output], &columns) {
                Ok(analytical) => analytical,
                Err(failure) => {
                    self.failures.push(failure);
                    continue;
                }
            };
            for (input, (jacobian, arrived)) in analytical.into_iter().enumerate() {
                let numerical: Vec<_> = numerical.iter().map(|by_output| &by_output[output]).collect();
                let tolerance = self.tolerance.along(&rows[output], &columns[input]);
                let sides = Sides {
                    output,
                    input,
                    mode,
                    numerical: &numerical,
                    analytical: jacobian,
                    tolerance,
                    rows: &rows[output],
                    columns: &columns[input],
                };
                pairs.extend(self.judge(sides, &arrived));
            }
            // A gradient with NaN in it breaks every rule at once, which says no more than that it is there.
            let finite = |pair: &Pair| pair.output != output || pair.analytical.largest().is_finite();
            if pairs.iter().all(finite) {
                let broken = upstream::examine(&self, output);
                self.failures.extend(broken);
            }
        }
        self.failures.sort_by_key(Failure::rank);
        self.note_what_cannot_fail(&pairs, mode);
        let Tolerance { atol, rtol } = self.tolerance;
        Ok(Report {
            order,
            mode,
            eps: self.eps,
            atol,
            rtol,
            pairs,
            failures: self.failures,
            notes: self.notes,
            names: self.names,
        })
    }

    /// What the outputs, and what the inputs are probed with.
    fn probes(&self, mode: Mode) -> (Vec<Probe>, Vec<Probe>) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.settings.seed);
        let mut probe = |n: usize| match mode {
            Mode::Slow => Probe::Each(n),
            Mode::Fast => Probe::Along(units(n, &mut rng)),
        };
        let rows = self.graph.outputs.iter().map(|output| probe(output.elem_count())).collect();
        (rows, self.inputs.iter().map(|input| probe(input.values.len())).collect())
    }

    fn forward_twice(&mut self) -> Result<(), Error> {
        let (first, second) = (self.sampler.here()?, self.sampler.here()?);
        for (output, (a, b)) in first.iter().zip(&second).enumerate() {
            let difference = apart(a, b);
            if !within(difference, self.settings.nondeterminism) {
                self.failures.push(Failure::NondeterministicForward { output, difference });
            }
        }
        Ok(())
    }

    /// Holds the outputs against those for contiguous inputs, which a function may refuse.
    fn forward_contiguous(&mut self) -> Result<(), Error> {
        let contiguous = |t: &Tensor| t.is_contiguous() && t.layout().start_offset() == 0;
        if self.inputs.iter().all(|input| contiguous(&input.tensor)) {
            return Ok(());
        }
        let inputs: Vec<_> = self.inputs.iter().map(Input::contiguous).collect::<Result<_, _>>()?;
        let Ok(outputs) = super::analytical::run(self.sampler.eval, &Point::of(&inputs)?) else {
            return Ok(());
        };
        for (output, (here, there)) in self.sampler.values.iter().zip(&outputs).enumerate() {
            if !there.dtype().is_float() {
                continue;
            }
            let there = values(there)?;
            let differs =
                |(a, b): (&f64, &f64)| !(a.is_nan() && b.is_nan() || self.tolerance.agree(&[*a], &[*b]));
            if here.len() != there.len() || here.iter().zip(&there).any(differs) {
                let difference = apart(here, &there);
                self.failures.push(Failure::LayoutDependent { output, difference });
            }
        }
        Ok(())
    }

    /// The numerical Jacobians, by input and then by output.
    fn numerical(&self, rows: &[Probe], columns: &[Probe]) -> Result<Vec<Vec<Matrix>>, Error> {
        let mut by_input = vec![];
        for (input, probe) in columns.iter().enumerate() {
            let mut by_output: Vec<_> =
                rows.iter().map(|row| Matrix::zeros(row.count(), probe.count())).collect();
            let skipped = self.inputs[input].role != Role::Differentiated;
            for column in 0..if skipped { 0 } else { probe.count() } {
                let differences = self.sampler.central(input, &probe.vector(column), 1.0)?;
                for ((jacobian, row), difference) in by_output.iter_mut().zip(rows).zip(&differences) {
                    for (r, value) in row.project(difference).into_iter().enumerate().take(jacobian.rows) {
                        jacobian.data[r * jacobian.columns + column] = value;
                    }
                }
            }
            by_input.push(by_output);
        }
        Ok(by_input)
    }

    /// The analytical Jacobians of one output by every input, with what arrived there last.
    ///
    /// Every backward runs twice. An output without elements is differentiated all the same.
    fn analytical(
        &mut self,
        output: usize,
        rows: &Probe,
        columns: &[Probe],
    ) -> Result<Vec<(Matrix, Arrived)>, Failure> {
        let mut jacobians: Vec<_> = columns
            .iter()
            .map(|column| (Matrix::zeros(rows.count(), column.count()), Arrived::Unreached))
            .collect();
        let mut jitter = vec![0.0; columns.len()];
        for row in 0..rows.count().max(1) {
            let first = self.graph.backward(output, &rows.vector(row), None)?;
            let second = self.graph.backward(output, &rows.vector(row), None)?;
            for (input, (once, again)) in first.into_iter().zip(second).enumerate() {
                let (jacobian, arrived) = &mut jacobians[input];
                if let (Some(a), Some(b)) = (once.values(), again.values()) {
                    jitter[input] = largest([jitter[input], apart(a, b)].into_iter());
                    let gradient = columns[input].project(a);
                    let here = row * jacobian.columns..(row + 1) * jacobian.columns;
                    if let Some(to) = jacobian.data.get_mut(here) {
                        to.copy_from_slice(&gradient);
                    }
                }
                *arrived = once;
            }
        }
        for (input, &difference) in jitter.iter().enumerate() {
            if !within(difference, self.settings.nondeterminism) {
                self.failures.push(Failure::NondeterministicBackward { output, input, difference });
            }
        }
        Ok(jacobians)
    }

    /// Says which Jacobians are smaller than what they are allowed to be off by.
    fn note_what_cannot_fail(&mut self, pairs: &[Pair], mode: Mode) {
        let tiny = |pair: &&Pair| {
            let tolerance = pair.worst.as_ref().map_or(0.0, |worst| worst.tolerance);
            let largest = pair.numerical.largest();
            pair.gradient == Gradient::Present && largest > 0.0 && largest <= tolerance
        };
        let name = |pair: &Pair| {
            let (y, x) = (self.names.output(pair.output), self.names.input(pair.input));
            format!("{y} by {x} ({:.3e})", pair.numerical.largest())
        };
        let tiny: Vec<String> = pairs.iter().filter(tiny).map(name).collect();
        if tiny.is_empty() {
            return;
        }
        let (what, instead) = match mode {
            Mode::Slow => ("derivative", "scale the function up or lower atol"),
            Mode::Fast => {
                ("projection of the derivatives", "check in slow mode, scale the function up or lower atol")
            }
        };
        self.notes.push(format!(
            "no {what} exceeds the tolerance: {} at most; a gradient of zeros would pass: {instead}",
            tiny.join(", ")
        ));
    }
}

/// Calls the function well away from its inputs, once before its graph is built and once before the graph is used.
///
/// A backward that works with the values of the first or of the latest call then works with these. The
/// function may refuse them, they are none of its inputs.
fn run_decoy(eval: &Eval, inputs: &[Input]) -> Result<(), Error> {
    let point = Point::decoy(inputs)?;
    super::analytical::run(eval, &point).ok();
    Ok(())
}

/// The largest difference between two runs; NaN equals NaN.
pub(super) fn apart(a: &[f64], b: &[f64]) -> f64 {
    largest(a.iter().zip(b).map(|(a, b)| if a == b || (a.is_nan() && b.is_nan()) { 0.0 } else { a - b }))
}
