//! The subject of a check: a function at its inputs, ready to be differentiated by both methods.

use candle_core::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::analytical::Graph;
use super::compare::Tolerance;
use super::error::Error;
use super::function::{Eval, call_decoy};
use super::numerical::FiniteDifferences;
use super::point::Input;
use super::probe::{Probe, random_unit_vectors};
use super::settings::{GradCheck, Mode};
use super::validate::step_and_tolerance;
use super::wording::Names;

/// What every part of a check reads and none changes.
pub(super) struct Subject<'a> {
    /// 1 for first derivatives, 2 for derivatives of the backward pass.
    pub(super) order: u8,
    pub(super) settings: &'a GradCheck,
    pub(super) inputs: &'a [Input],
    pub(super) names: &'a Names,
    pub(super) graph: Graph<'a>,
    pub(super) differences: FiniteDifferences<'a>,
    pub(super) tolerance: Tolerance,
    /// Notes on the dtypes of inputs and outputs.
    pub(super) notes: Vec<String>,
}

impl<'a> Subject<'a> {
    /// Evaluates the function at the inputs.
    ///
    /// # Errors
    ///
    /// If the function fails, or there is nothing to check that the settings allow.
    pub(super) fn new(
        settings: &'a GradCheck,
        eval: &'a Eval<'a>,
        inputs: &'a [Input],
        names: &'a Names,
        order: u8,
    ) -> Result<Self, Error> {
        if !inputs.iter().any(Input::is_differentiated) {
            return Err(Error::Nothing("input"));
        }
        call_decoy(eval, inputs)?;
        let graph = Graph::build(eval, inputs)?;
        if !graph.outputs.iter().any(|output| output.dtype().is_float()) {
            return Err(Error::Nothing("output"));
        }
        let (eps, tolerance, notes) = step_and_tolerance(settings, inputs, &graph.outputs, names)?;
        let differences = FiniteDifferences::new(eval, inputs, &graph.outputs, eps)?;
        Ok(Self { order, settings, inputs, names, graph, differences, tolerance, notes })
    }

    /// The tolerance for the derivatives of an output along `rows` with respect to an input along `columns`.
    ///
    /// The terms of a projection may cancel out, and their rounding errors then exceed the relative
    /// tolerance.
    pub(super) fn tolerance_along(
        &self,
        (output, input): (usize, usize),
        rows: &Probe,
        columns: &Probe,
    ) -> Tolerance {
        let differences = &self.differences;
        let noise = differences.rounding_noise(rows.spread(&differences.outputs[output]));
        let noise = if noise > 0.0 { noise / differences.step(input, &columns.vector(0)) } else { 0.0 };
        self.tolerance.loosened(noise)
    }

    /// The number of entries of all Jacobians: output elements times input elements.
    pub(super) fn entries(&self) -> usize {
        let inputs = self.inputs.iter().filter(|input| input.is_differentiated());
        let outputs = self.graph.outputs.iter().filter(|output| output.dtype().is_float());
        let columns: usize = inputs.map(|input| input.values.len()).sum();
        outputs.map(Tensor::elem_count).sum::<usize>().saturating_mul(columns)
    }

    /// The vectors along which the outputs, and those along which the inputs are probed.
    pub(super) fn probes(&self, mode: Mode) -> (Vec<Probe>, Vec<Probe>) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.settings.seed);
        let mut probe = |n: usize| match mode {
            Mode::Slow => Probe::Basis(n),
            Mode::Fast => Probe::Random(random_unit_vectors(n, &mut rng)),
        };
        let rows = self.graph.outputs.iter().map(|output| probe(output.elem_count())).collect();
        (rows, self.inputs.iter().map(|input| probe(input.values.len())).collect())
    }
}
