//! The numerical side: central differences.

use candle_core::Tensor;

use super::Error;
use super::analytical::run;
use super::compare::within;
use super::point::{Eval, Input, Point, rounded, values};
use super::probe::dot;

/// The function under check, its inputs, and their own point.
pub(super) struct Sampler<'a> {
    pub(super) eval: &'a Eval<'a>,
    pub(super) inputs: &'a [Input],
    point: Point,
    lengths: Vec<usize>,
}

impl<'a> Sampler<'a> {
    /// A sampler of a function whose outputs at the inputs' own point are `outputs`.
    pub(super) fn new(eval: &'a Eval<'a>, inputs: &'a [Input], outputs: &[Tensor]) -> Result<Self, Error> {
        let lengths = outputs.iter().map(Tensor::elem_count).collect();
        Ok(Self { eval, inputs, point: Point::of(inputs)?, lengths })
    }

    /// The elements of every output with input number `input` moved by `step` along `direction`, and how
    /// far it moved once its elements were rounded to their dtype. Integer outputs come back empty.
    pub(super) fn moved(
        &self,
        input: usize,
        direction: &[f64],
        step: f64,
    ) -> Result<(Vec<Vec<f64>>, f64), Error> {
        let Input { values: at, tensor, .. } = &self.inputs[input];
        let to: Vec<f64> =
            at.iter().zip(direction).map(|(x, d)| rounded(x + step * d, tensor.dtype())).collect();
        let way: Vec<f64> = to.iter().zip(at).map(|(to, x)| to - x).collect();
        let outputs = run(self.eval, &self.point.with(self.inputs, input, &to)?)?;
        Ok((self.elements(&outputs)?, dot(&way, direction)))
    }

    /// The elements of every output at the inputs' own point.
    pub(super) fn here(&self) -> Result<Vec<Vec<f64>>, Error> {
        self.elements(&run(self.eval, &self.point)?)
    }

    /// (f(x + step direction) - f(x - step direction)) / (2 step) for every output.
    ///
    /// The divisor is the way that x really went; where the step is lost to rounding the result is NaN.
    pub(super) fn central(&self, input: usize, direction: &[f64], step: f64) -> Result<Vec<Vec<f64>>, Error> {
        let (above, up) = self.moved(input, direction, step)?;
        let (below, down) = self.moved(input, direction, -step)?;
        let quotient = |(a, b): (&f64, &f64)| (a - b) / (up - down);
        Ok(above.iter().zip(&below).map(|(a, b)| a.iter().zip(b).map(quotient).collect()).collect())
    }

    fn elements(&self, outputs: &[Tensor]) -> Result<Vec<Vec<f64>>, Error> {
        if !outputs.iter().map(Tensor::elem_count).eq(self.lengths.iter().copied()) {
            return Err(Error::Unstable);
        }
        let element = |y: &Tensor| if y.dtype().is_float() { values(y) } else { Ok(vec![]) };
        Ok(outputs.iter().map(element).collect::<candle_core::Result<_>>()?)
    }
}

/// The wider and narrower steps at which an entry is looked at again, `None` where the function fails there.
///
/// One step cannot suit every function: near a singularity the fixed one is too wide, beside a large
/// constant it drowns in rounding.
pub(super) struct Ladder(Vec<Option<Vec<Vec<f64>>>>);

impl Ladder {
    /// The central differences along `direction` at 1/256 to 256 times `eps`.
    pub(super) fn climb(sampler: &Sampler, input: usize, direction: &[f64], eps: f64) -> Self {
        let steps = (-4..=4).map(|k| eps * 4f64.powi(k));
        Self(steps.map(|step| sampler.central(input, direction, step).ok()).collect())
    }

    /// A numerical derivative that bears `analytical` out: two neighbouring steps must agree with it.
    ///
    /// One that is zero within `atol` cannot be borne out, because a difference quotient also vanishes where
    /// the step is lost to rounding or spans a bounded function.
    pub(super) fn confirm(
        &self,
        output: usize,
        element: usize,
        analytical: f64,
        atol: f64,
        rtol: f64,
    ) -> Option<f64> {
        if within(analytical.abs(), atol) || analytical.is_nan() {
            return None;
        }
        let at = |rung: &Option<Vec<Vec<f64>>>| rung.as_ref().map(|outputs| outputs[output][element]);
        let agrees = |value: f64| within((value - analytical).abs(), atol + rtol * value.abs());
        self.0.windows(2).find_map(|pair| {
            let (narrow, wide) = (at(&pair[0])?, at(&pair[1])?);
            (agrees(narrow) && agrees(wide)).then_some(narrow)
        })
    }
}
