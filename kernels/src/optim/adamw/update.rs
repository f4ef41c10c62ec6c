//! The update of one parameter.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, Result, Storage, Tensor, Var, bail};

use super::coefficients::StepCoefficients;
use super::config::AdamWConfig;
use super::cpu;
#[cfg(feature = "cuda")]
use super::cuda;
use super::state::AdamWState;
use crate::optim::in_place::{self, InPlace, is_whole_storage, share_storage};

/// Rejects a gradient that is not of its parameter's kind.
pub(super) fn check_grad(grad: &Tensor, var: &Var, label: impl Fn() -> String) -> Result<()> {
    if grad.shape() != var.shape() || grad.dtype() != var.dtype() || !grad.device().same_device(var.device())
    {
        bail!(
            "AdamW: the gradient of {} is {:?} {:?}, its parameter is {:?} {:?}, \
             expected the same on one device",
            label(),
            grad.dtype(),
            grad.dims(),
            var.dtype(),
            var.dims()
        )
    }
    Ok(())
}

/// Updates one parameter, in place and in one pass, with a [right](check_grad) gradient.
pub(super) fn update(var: &Var, grad: &Tensor, state: &mut AdamWState, config: &AdamWConfig) -> Result<()> {
    let steps = state.steps.saturating_add(1);
    let parameter = var.as_detached_tensor();
    let parameter = if is_whole_storage(var) { parameter } else { parameter.force_contiguous()? };
    let grad = if is_whole_storage(grad) && !share_storage(grad, var) {
        grad.clone()
    } else {
        grad.force_contiguous()?
    };
    {
        let (storage, _) = grad.storage_and_layout();
        let update = Update {
            grad: &storage,
            len: grad.elem_count(),
            coefficients: StepCoefficients::new(config, steps),
        };
        in_place::apply(&update, &[&parameter, &state.first_moment, &state.second_moment])?;
    }
    if !share_storage(&parameter, var) {
        var.set(&parameter)?;
    }
    state.steps = steps;
    Ok(())
}

/// The update of a parameter, its first and its second moment.
struct Update<'a> {
    grad: &'a Storage,
    len: usize,
    coefficients: StepCoefficients,
}

impl InPlace for Update<'_> {
    const NAME: &'static str = "AdamW";

    fn cpu(&self, storages: Vec<&mut CpuStorage>) -> Result<()> {
        match self.grad {
            Storage::Cpu(grad) => cpu::update(storages, grad, self.len, &self.coefficients),
            _ => bail!("AdamW: the gradient is not on the CPU"),
        }
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, storages: Vec<&mut CudaStorage>) -> Result<()> {
        match self.grad {
            Storage::Cuda(grad) => cuda::update(storages, grad, self.len, &self.coefficients),
            _ => bail!("AdamW: the gradient is not on the GPU"),
        }
    }
}
