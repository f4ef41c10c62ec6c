//! What AdamW remembers of a parameter.

use candle_core::{DType, Result, Tensor, Var, bail};

/// The state that [`AdamW`](super::AdamW) keeps of one parameter.
///
/// The moments are in the shape of the parameter and in its dtype, but those of f16 and bf16 are in f32: the
/// square of a gradient of 1e-3 is 17 times the smallest number of f16, and a running mean changes by less
/// than a half float can tell.
#[derive(Debug, Clone)]
pub struct AdamWState {
    /// The number of updates of this parameter.
    pub steps: u32,
    /// The running mean of the gradient.
    pub first_moment: Tensor,
    /// The running mean of the squared gradient.
    pub second_moment: Tensor,
}

impl AdamWState {
    /// The state before the first update; `label` names the parameter in an error.
    pub(super) fn new(var: &Var, label: &str) -> Result<Self> {
        let Some(dtype) = moment_dtype(var.dtype()) else {
            bail!(
                "AdamW: {label} is {:?} {:?}, expected dtype F16, BF16, F32 or F64",
                var.dtype(),
                var.dims()
            )
        };
        let zeros = || Tensor::zeros(var.shape(), dtype, var.device());
        Ok(Self { steps: 0, first_moment: zeros()?, second_moment: zeros()? })
    }

    /// A copy of the state whose tensors are contiguous, not shared and without a graph, since updates are in
    /// place.
    pub(super) fn to_owned(&self) -> Result<Self> {
        self.map(|moment| moment.detach().force_contiguous())
    }

    /// A copy for the parameter `var`, which `label` names in an error. Moments of f16 and bf16, as they were
    /// kept once, are widened.
    pub(super) fn restored(&self, var: &Var, label: &str) -> Result<Self> {
        let dtype = moment_dtype(var.dtype()).unwrap_or_else(|| var.dtype());
        self.map(|moment| {
            let has_dtype = moment.dtype() == dtype || moment.dtype() == var.dtype();
            if !has_dtype || moment.shape() != var.shape() || !moment.device().same_device(var.device()) {
                bail!(
                    "AdamW: a moment of {label} is {:?} {:?} on {:?}, expected {dtype:?} {:?} on {:?}",
                    moment.dtype(),
                    moment.dims(),
                    moment.device().location(),
                    var.dims(),
                    var.device().location()
                )
            }
            moment.detach().to_dtype(dtype)?.force_contiguous()
        })
    }

    fn map(&self, moment: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self {
            steps: self.steps,
            first_moment: moment(&self.first_moment)?,
            second_moment: moment(&self.second_moment)?,
        })
    }
}

/// The dtype of the moments of a parameter, the one that it is updated in.
fn moment_dtype(parameter: DType) -> Option<DType> {
    match parameter {
        DType::F16 | DType::BF16 | DType::F32 => Some(DType::F32),
        DType::F64 => Some(DType::F64),
        _ => None,
    }
}
