//! Shared by the tests of the checker: inputs, and operations with a backward given as a closure.

use std::sync::Arc;

use candle_core::cpu_backend::binary_map;
use candle_core::{CpuStorage, CustomOp2, Device, Layout, Result, Shape, Tensor, bail};
use taper::gradcheck::{GradCheck, Mode, Outputs, Report};

pub(crate) use crate::custom_op::{Op1, cube, cube_gradient, failed, numbers};

pub(crate) fn vector(values: &[f64]) -> Tensor {
    Tensor::new(values, &Device::Cpu).unwrap()
}

/// Asserts what `torch.autograd.gradcheck` says of the function `name` in slow and in fast mode, as recorded.
pub(crate) fn torch_says(name: &str, [slow, fast]: [&str; 2]) {
    let recorded: serde_json::Value =
        serde_json::from_str(include_str!("../reference/gradcheck.json")).unwrap();
    let of = |mode: &str| recorded[name][mode]["verdict"].as_str().unwrap_or("not recorded").to_string();
    assert_eq!([of("slow"), of("fast")], [slow, fast], "{name}");
}

type Backward2 = dyn Fn(&Tensor, &Tensor, &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> + Send + Sync;

/// z = f(x, y) element by element, with a backward of (x, y, upstream gradient).
#[derive(Clone)]
pub(crate) struct Op2 {
    forward: fn(f64, f64) -> f64,
    backward: Arc<Backward2>,
}

impl Op2 {
    pub(crate) fn new(
        forward: fn(f64, f64) -> f64,
        backward: impl Fn(&Tensor, &Tensor, &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { forward, backward: Arc::new(backward) }
    }

    pub(crate) fn apply(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        x.apply_op2(y, self.clone())
    }
}

impl CustomOp2 for Op2 {
    fn name(&self) -> &'static str {
        "op2"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        y: &CpuStorage,
        ly: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (CpuStorage::F64(x), CpuStorage::F64(y)) = (x, y) else { bail!("op2 takes f64") };
        Ok((CpuStorage::F64(binary_map(lx, ly, x, y, self.forward)), lx.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        (self.backward)(x, y, upstream)
    }
}

/// Asserts that both modes fail with this in the first message, and returns the report of slow mode.
pub(crate) fn wrong<O: Into<Outputs>>(
    f: impl Fn(&[Tensor]) -> Result<O>,
    inputs: &[Tensor],
    message: &str,
) -> Report {
    let [fast, slow] = [Mode::Fast, Mode::Slow].map(|mode| failed(&GradCheck::new().mode(mode), &f, inputs));
    for report in [&fast, &slow] {
        let text = report.failures[0].to_string();
        assert!(text.contains(message), "wanted {message:?}, got {text:?}");
        assert!(report.to_string().starts_with("gradcheck failed"));
    }
    slow
}

/// A cube with this backward.
pub(crate) fn cube_with(
    backward: impl Fn(&Tensor, &Tensor) -> Result<Option<Tensor>> + Send + Sync + 'static,
) -> impl Fn(&[Tensor]) -> Result<Tensor> {
    let op = Op1::new(cube, move |x, _, upstream| backward(x, upstream));
    move |x| op.apply(&x[0])
}

/// A cube with this backward, which always gives a gradient.
pub(crate) fn cube_giving(
    backward: impl Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync + 'static,
) -> impl Fn(&[Tensor]) -> Result<Tensor> {
    cube_with(move |x, upstream| backward(x, upstream).map(Some))
}

pub(crate) type Function = Box<dyn Fn(&[Tensor]) -> Result<Tensor>>;

/// The same, boxed for lists.
pub(crate) fn cube_giving_boxed(
    backward: impl Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync + 'static,
) -> Function {
    Box::new(cube_giving(backward))
}

pub(crate) fn x() -> [Tensor; 1] {
    [vector(&[0.5, -1.5, 2.0, 0.8])]
}
