//! The numerical side: central differences.

use candle_core::{DType, Result, Tensor};

use super::Error;
use super::analytical::run;
use super::compare::{epsilon, within};
use super::point::{Eval, Input, Point, rounded, values};
use super::probe::dot;

/// The function under check, its inputs, and their own point.
pub(super) struct Sampler<'a> {
    pub(super) eval: &'a Eval<'a>,
    pub(super) inputs: &'a [Input],
    /// The elements of every float output at the inputs.
    pub(super) values: Vec<Vec<f64>>,
    eps: f64,
    /// The coarsest epsilon of the dtypes of inputs and outputs.
    rounding: f64,
    point: Point,
    lengths: Vec<usize>,
}

impl<'a> Sampler<'a> {
    /// A sampler, with steps of `eps`, of a function whose outputs at the inputs' own point are `outputs`.
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
            values: float_values(outputs)?,
            eps,
            rounding: dtypes.map(epsilon).fold(0.0, f64::max),
            point: Point::of(inputs)?,
            lengths: outputs.iter().map(Tensor::elem_count).collect(),
        })
    }

    /// By how much rounding may change a number that comes of numbers as large as `size`, over and again.
    pub(super) fn noise(&self, size: f64) -> f64 {
        const ROUNDINGS: f64 = 16.0;
        ROUNDINGS * self.rounding * size
    }

    /// How far input number `input` is moved along `direction`: eps, or what moves every element well beyond the
    /// spacing of its dtype's numbers.
    pub(super) fn step(&self, input: usize, direction: &[f64]) -> f64 {
        let Input { values, tensor, .. } = &self.inputs[input];
        // Fewer would leave mostly rounding error in the difference, more would span what is to be local.
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

    /// The elements of every output with input number `input` moved by `step` along `direction`, and how
    /// far it moved once its elements were rounded to their dtype. Integer outputs come back empty.
    pub(super) fn moved(
        &self,
        input: usize,
        direction: &[f64],
        step: f64,
    ) -> std::result::Result<(Vec<Vec<f64>>, f64), Error> {
        let Input { values: at, tensor, .. } = &self.inputs[input];
        let to: Vec<f64> =
            at.iter().zip(direction).map(|(x, d)| rounded(x + step * d, tensor.dtype())).collect();
        // An infinite element stays where it is.
        let way: Vec<f64> = to.iter().zip(at).map(|(to, x)| if to == x { 0.0 } else { to - x }).collect();
        let outputs = run(self.eval, &self.point.with(self.inputs, input, &to)?)?;
        Ok((self.elements(&outputs)?, dot(&way, direction)))
    }

    /// The elements of every output at the inputs' own point.
    pub(super) fn here(&self) -> std::result::Result<Vec<Vec<f64>>, Error> {
        self.elements(&run(self.eval, &self.point)?)
    }

    /// (f(x + h direction) - f(x - h direction)) / 2h for every output, h being `scale` times the step.
    ///
    /// The divisor is the way that x really went. Equal values, infinite ones among them, have no difference.
    pub(super) fn central(
        &self,
        input: usize,
        direction: &[f64],
        scale: f64,
    ) -> std::result::Result<Vec<Vec<f64>>, Error> {
        let step = scale * self.step(input, direction);
        let (above, up) = self.moved(input, direction, step)?;
        let (below, down) = self.moved(input, direction, -step)?;
        let quotient = |(a, b): (&f64, &f64)| if a == b { 0.0 } else { (a - b) / (up - down) };
        Ok(above.iter().zip(&below).map(|(a, b)| a.iter().zip(b).map(quotient).collect()).collect())
    }

    fn elements(&self, outputs: &[Tensor]) -> std::result::Result<Vec<Vec<f64>>, Error> {
        if !outputs.iter().map(Tensor::elem_count).eq(self.lengths.iter().copied()) {
            return Err(Error::Unstable);
        }
        Ok(float_values(outputs)?)
    }
}

/// The elements of every output; integer outputs come back empty.
fn float_values(outputs: &[Tensor]) -> Result<Vec<Vec<f64>>> {
    outputs.iter().map(|y| if y.dtype().is_float() { values(y) } else { Ok(vec![]) }).collect()
}

/// The wider and narrower steps at which an entry is looked at again, `None` where the function fails there.
///
/// One step cannot suit every function: near a singularity the fixed one is too wide, beside a large
/// constant it drowns in rounding.
pub(super) struct Ladder(Vec<Option<Vec<Vec<f64>>>>);

impl Ladder {
    /// The central differences along `direction` at 1/256 to 256 times the step.
    pub(super) fn climb(sampler: &Sampler, input: usize, direction: &[f64]) -> Self {
        let scales = (-4..=4).map(|k| 4f64.powi(k));
        Self(scales.map(|scale| sampler.central(input, direction, scale).ok()).collect())
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
