//! A custom operation whose backward is written on the spot, and checks of it that must fail.

use std::sync::Arc;

use candle_core::cpu_backend::unary_map;
use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor, bail};
use taper::gradcheck::{Error, GradCheck, Outputs, Report};

/// Deterministic numbers in (-0.9, 0.9) that are neither zero nor equal.
pub(crate) fn numbers(shape: &[usize]) -> Tensor {
    let n: usize = shape.iter().product();
    let values: Vec<f64> = (0..n).map(|i| (i as f64 * 0.754_877 + 0.37).fract() * 1.8 - 0.9).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

type Backward1 = dyn Fn(&Tensor, &Tensor, &Tensor) -> Result<Option<Tensor>> + Send + Sync;

/// y = f(x) element by element, with a backward of (x, y, upstream gradient).
#[derive(Clone)]
pub(crate) struct Op1 {
    forward: fn(f64) -> f64,
    backward: Arc<Backward1>,
}

impl Op1 {
    pub(crate) fn new(
        forward: fn(f64) -> f64,
        backward: impl Fn(&Tensor, &Tensor, &Tensor) -> Result<Option<Tensor>> + Send + Sync + 'static,
    ) -> Self {
        Self { forward, backward: Arc::new(backward) }
    }

    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        x.apply_op1(self.clone())
    }
}

impl CustomOp1 for Op1 {
    fn name(&self) -> &'static str {
        "op1"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let CpuStorage::F64(x) = x else { bail!("op1 takes f64") };
        Ok((CpuStorage::F64(unary_map(x, layout, self.forward)), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        (self.backward)(x, y, upstream)
    }
}

/// x^3.
pub(crate) fn cube(x: f64) -> f64 {
    x * x * x
}

/// The derivative of x^3, times the upstream gradient.
pub(crate) fn cube_gradient(x: &Tensor, upstream: &Tensor) -> Result<Tensor> {
    (x.sqr()? * 3.0)? * upstream
}

/// The report of a check that must fail.
pub(crate) fn failed<O: Into<Outputs>>(
    check: &GradCheck,
    f: impl Fn(&[Tensor]) -> Result<O>,
    inputs: &[Tensor],
) -> Report {
    match check.check(f, inputs) {
        Err(Error::Failed(report)) => *report,
        other => panic!("not caught: {other:?}"),
    }
}
