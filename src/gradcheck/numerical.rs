//! Numerical derivatives: central differences.

use candle_core::{DType, Result, Shape, Tensor};

use super::dtype::{epsilon, rounded};
use super::error::Error;
use super::function::{Eval, call};
use super::jacobian::Matrix;
use super::point::{Input, Point, elements};
use super::probe::{Probe, dot};

/// Central differences of the function under check at its inputs.
pub(super) struct FiniteDifferences<'a> {
    pub(super) eval: &'a Eval<'a>,
    pub(super) inputs: &'a [Input],
    /// The elements of every output at the inputs; none for an integer output.
    pub(super) outputs: Vec<Vec<f64>>,
    pub(super) eps: f64,
    /// The epsilon of the coarsest dtype of all inputs and outputs.
    coarsest: f64,
    point: Point,
    /// The shape and dtype of every output.
    forms: Vec<(Shape, DType)>,
}

impl<'a> FiniteDifferences<'a> {
    /// Differences with steps of `eps` of a function that gives `outputs` at the inputs themselves.
    pub(super) fn new(
        eval: &'a Eval<'a>,
        inputs: &'a [Input],
        outputs: &[Tensor],
        eps: f64,
    ) -> std::result::Result<Self, Error> {
        let dtypes = inputs.iter().map(|input| input.tensor.dtype()).chain(outputs.iter().map(Tensor::dtype));
        Ok(Self {
            eval,
            inputs,
            outputs: float_elements(outputs)?,
            eps,
            coarsest: dtypes.map(epsilon).fold(0.0, f64::max),
            point: Point::new(inputs)?,
            forms: outputs.iter().map(form).collect(),
        })
    }

    /// How much repeated rounding may change a result computed from numbers of this magnitude.
    pub(super) fn rounding_noise(&self, magnitude: f64) -> f64 {
        const ROUNDINGS: f64 = 16.0;
        ROUNDINGS * self.coarsest * magnitude
    }

    /// The step of input number `input` along `direction`: eps, or more if needed to move every element well
    /// beyond the spacing of its dtype.
    pub(super) fn step(&self, input: usize, direction: &[f64]) -> f64 {
        let Input { values, tensor, .. } = &self.inputs[input];
        // With fewer the difference would be mostly rounding error, with more it would no longer be local.
        let spacings = match tensor.dtype() {
            DType::F16 | DType::BF16 => 16.0,
            DType::F32 => 256.0,
            _ => 1024.0,
        };
        let least = spacings * epsilon(tensor.dtype());
        let steps =
            values.iter().zip(direction).filter(|(_, d)| **d != 0.0).map(|(x, d)| least * (x / d).abs());
        steps.filter(|step| step.is_finite()).fold(self.eps, f64::max)
    }

    /// The elements of every output with input number `input` moved by `step` along `direction`, and how far
    /// it moved once its elements were rounded to their dtype. Integer outputs have no elements.
    pub(super) fn perturbed(
        &self,
        input: usize,
        direction: &[f64],
        step: f64,
    ) -> std::result::Result<(Vec<Vec<f64>>, f64), Error> {
        let Input { values, tensor, .. } = &self.inputs[input];
        let moved: Vec<f64> =
            values.iter().zip(direction).map(|(x, d)| rounded(x + step * d, tensor.dtype())).collect();
        // An infinite element does not move.
        let displacement: Vec<f64> =
            moved.iter().zip(values).map(|(to, x)| if to == x { 0.0 } else { to - x }).collect();
        let outputs = call(self.eval, &self.point.with_values(self.inputs, input, &moved)?)?;
        Ok((self.output_elements(&outputs)?, dot(&displacement, direction)))
    }

    /// The elements of every output of another call at the inputs themselves.
    pub(super) fn unperturbed(&self) -> std::result::Result<Vec<Vec<f64>>, Error> {
        self.output_elements(&call(self.eval, &self.point)?)
    }

    /// The inputs that no longer have their own values at the point itself, and by how much they differ.
    pub(super) fn overwritten_inputs(&self) -> Result<Vec<(usize, f64)>> {
        self.point.overwritten(self.inputs)
    }

    /// (f(x + h direction) - f(x - h direction)) / 2h for every output, with h = `scale` times the step.
    ///
    /// The divisor is how far x really moved. Equal values, even infinite ones, have the difference 0.
    pub(super) fn central(
        &self,
        input: usize,
        direction: &[f64],
        scale: f64,
    ) -> std::result::Result<Vec<Vec<f64>>, Error> {
        let step = scale * self.step(input, direction);
        let (above, up) = self.perturbed(input, direction, step)?;
        let (below, down) = self.perturbed(input, direction, -step)?;
        let quotient = |(a, b): (&f64, &f64)| if a == b { 0.0 } else { (a - b) / (up - down) };
        Ok(above.iter().zip(&below).map(|(a, b)| a.iter().zip(b).map(quotient).collect()).collect())
    }

    /// The Jacobians of every output with respect to every input, by output and then by input, projected onto
    /// `rows` and `columns`; zeros for inputs that are not differentiated.
    pub(super) fn jacobians(
        &self,
        rows: &[Probe],
        columns: &[Probe],
    ) -> std::result::Result<Vec<Vec<Matrix>>, Error> {
        let zeros = |row: &Probe| -> Vec<Matrix> {
            columns.iter().map(|column| Matrix::zeros(row.count(), column.count())).collect()
        };
        let mut jacobians: Vec<_> = rows.iter().map(zeros).collect();
        for (input, probe) in columns.iter().enumerate() {
            if !self.inputs[input].is_differentiated() {
                continue;
            }
            for column in 0..probe.count() {
                let differences = self.central(input, &probe.vector(column), 1.0)?;
                for ((by_input, row), difference) in jacobians.iter_mut().zip(rows).zip(&differences) {
                    let matrix = &mut by_input[input];
                    for (r, value) in row.project(difference).into_iter().enumerate().take(matrix.rows) {
                        matrix.data[r * matrix.columns + column] = value;
                    }
                }
            }
        }
        Ok(jacobians)
    }

    /// The elements of the `outputs` of another call, which must have the shapes and dtypes of the first.
    pub(super) fn output_elements(&self, outputs: &[Tensor]) -> std::result::Result<Vec<Vec<f64>>, Error> {
        if !outputs.iter().map(form).eq(self.forms.iter().cloned()) {
            return Err(Error::Unstable);
        }
        Ok(float_elements(outputs)?)
    }
}

fn form(output: &Tensor) -> (Shape, DType) {
    (output.shape().clone(), output.dtype())
}

/// The elements of every output; none for an integer output.
fn float_elements(outputs: &[Tensor]) -> Result<Vec<Vec<f64>>> {
    outputs.iter().map(|y| if y.dtype().is_float() { elements(y) } else { Ok(vec![]) }).collect()
}
