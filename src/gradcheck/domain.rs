//! Where a function is not defined, and what it does not depend on.

use super::check::Check;
use super::compare::unravel;
use super::judge::Sides;
use super::point::Role;
use super::probe::Probe;
use super::report::Matrix;
use super::{Error, Failure};

impl Check<'_> {
    /// The first element of an output that is NaN at the inputs, or infinite and not constant.
    pub(super) fn undefined(&self, output: usize, columns: &[Probe]) -> Result<Option<Failure>, Error> {
        let values = &self.sampler.values[output];
        let origin = |element| self.origin(output, &Probe::Each(values.len()).vector(element));
        if let Some(element) = values.iter().position(|value| value.is_nan()) {
            return Ok(Some(self.undefined_at((output, Some(element)), origin(element))));
        }
        if values.iter().all(|value| value.is_finite()) {
            return Ok(None);
        }
        let infinite: Vec<f64> =
            values.iter().map(|value| f64::from(u8::from(value.is_infinite()))).collect();
        if self.origin(output, &infinite).is_some() {
            let sends = |&element: &usize| values[element].is_infinite() && origin(element).is_some();
            if let Some(element) = (0..values.len()).find(sends) {
                return Ok(Some(self.undefined_at((output, Some(element)), origin(element))));
            }
        }
        let moves = |(value, difference): (&f64, &f64)| value.is_infinite() && *difference != 0.0;
        for (input, probe) in columns.iter().enumerate() {
            for column in 0..if self.inputs[input].role == Role::Differentiated { probe.count() } else { 0 } {
                let differences = self.sampler.central(input, &probe.vector(column), 1.0)?;
                if let Some(element) = values.iter().zip(&differences[output]).position(moves) {
                    let here = matches!(probe, Probe::Each(_)).then_some((input, column));
                    return Ok(Some(self.undefined_at((output, Some(element)), here)));
                }
            }
        }
        Ok(None)
    }

    /// The failure of an element of an output, if it is known which; `origin` is an element of an input.
    pub(super) fn undefined_at(
        &self,
        (output, element): (usize, Option<usize>),
        origin: Option<(usize, usize)>,
    ) -> Failure {
        let value = element.and_then(|element| self.sampler.values[output].get(element).copied());
        let dims = self.graph.outputs[output].dims();
        Failure::Undefined {
            output,
            output_index: element.map_or_else(Vec::new, |element| unravel(element, dims)),
            value: value.filter(|value| !value.is_finite()),
            input: origin.map(|(input, _)| input),
            input_index: origin
                .map_or_else(Vec::new, |(input, at)| unravel(at, self.inputs[input].tensor.dims())),
        }
    }

    /// The first element of an input that gets a gradient when `upstream` comes in at an output.
    fn origin(&self, output: usize, upstream: &[f64]) -> Option<(usize, usize)> {
        let arrived = self.graph.backward(output, upstream, None).ok()?;
        let mut gradients = arrived.iter().enumerate().filter_map(|(input, a)| Some((input, a.values()?)));
        gradients.find_map(|(input, gradient)| Some((input, gradient.iter().position(|&g| g != 0.0)?)))
    }

    /// Whether an output changes with an input by more than rounding noise, and whether by any.
    ///
    /// What may be noise over one step is looked at over one that is much wider, and over which noise is as small.
    pub(super) fn depends(&self, sides: &Sides, numerical: &Matrix) -> Dependence {
        const WIDE: f64 = 256.0;
        let Sides { output, input, rows, columns, .. } = *sides;
        let steps: Vec<f64> =
            (0..numerical.columns).map(|column| self.sampler.step(input, &columns.vector(column))).collect();
        let share = |row: usize, column: usize, value: f64, scale: f64| {
            let values = (&self.sampler.values[output], &self.inputs[input].values);
            let size = rows.size(row, values.0).max(columns.size(column, values.1));
            value.abs() * scale * steps[column] / self.sampler.noise(size)
        };
        let entries =
            numerical.data.iter().enumerate().filter(|(_, value)| **value != 0.0).map(|(at, value)| {
                let (row, column) = (at / numerical.columns, at % numerical.columns);
                (row, column, share(row, column, *value, 1.0))
            });
        let Some((row, column, most)) = entries.max_by(|a, b| a.2.total_cmp(&b.2)) else {
            return Dependence::None;
        };
        let wide = || {
            let differences = self.sampler.central(input, &columns.vector(column), WIDE).ok()?;
            rows.project(&differences[output]).get(row).copied()
        };
        if most > 1.0 || wide().is_some_and(|value| share(row, column, value, WIDE) > 1.0) {
            Dependence::Real
        } else {
            Dependence::Noise
        }
    }
}

/// Whether an output depends on an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dependence {
    /// It does not change by a bit.
    None,
    /// It changes by no more than rounding may change it.
    Noise,
    /// It does.
    Real,
}
