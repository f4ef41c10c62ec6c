//! The expected loss on CUDA, by the kernel of `halting.cu`.

#![allow(unsafe_code)]

use candle_core::Result;
use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaSlice, CudaStream, DeviceRepr, LaunchConfig, PushKernelArg,
};

use super::{ExpectedLoss, Operands, PriorTable};
use crate::ops::launch::{BLOCK, Kernel, check_len, kernel};

/// The kernel of [`expected_loss`].
pub const KERNEL: Kernel = kernel!("halting", HALTING, "expected_loss");

// SAFETY: C's layout of numbers that can be passed to a kernel by value themselves.
unsafe impl DeviceRepr for PriorTable {}

/// The gradients as [`cpu::expected_loss`](super::cpu::expected_loss) computes them; the first number of `sum`
/// grows by `rows` times the expected error.
///
/// # Errors
///
/// Fails when a buffer is too short, and with the driver's error.
pub fn expected_loss<T: DeviceRepr>(
    stream: &CudaStream,
    kernel: &CudaFunction,
    (loss, divergence): (ExpectedLoss, Option<f64>),
    rows: usize,
    operands: Operands<&CudaSlice<T>>,
    [outputs_grad, gate_grad]: [&mut CudaSlice<T>; 2],
    sum: &mut CudaSlice<f64>,
) -> Result<()> {
    let ExpectedLoss { depths, targets, prior } = loss;
    let Operands { outputs, gate, bias, target } = operands;
    let (all, gates) = (rows * depths * targets, rows * (depths - 1));
    check_len("the outputs", outputs.len(), all)?;
    check_len("the gate", gate.map_or(gates, CudaSlice::len), gates)?;
    check_len("the bias", bias.len(), depths - 1)?;
    check_len("the targets", target.len(), rows * targets)?;
    check_len("the gradient of the outputs", outputs_grad.len(), all)?;
    check_len("the gradient of the gate", gate_grad.len(), gates)?;
    let prior = prior.of(depths);
    let [rows, depths, targets] = [rows, depths, targets].map(|n| n as u64);
    let [is_trained, has_gate] = [divergence.is_some(), gate.is_some()].map(u32::from);
    let divergence = divergence.unwrap_or(0.);
    let mut args = stream.launch_builder(kernel);
    args.arg(&rows).arg(&depths).arg(&targets).arg(&divergence).arg(&is_trained).arg(&has_gate);
    // Without a gate any pointer will do.
    args.arg(outputs).arg(gate.unwrap_or(bias)).arg(bias).arg(target);
    args.arg(outputs_grad).arg(gate_grad).arg(sum).arg(&prior);
    let one_block = LaunchConfig { grid_dim: (1, 1, 1), block_dim: (BLOCK, 1, 1), shared_mem_bytes: 0 };
    // SAFETY: the arguments are those of the kernel in halting.cu, measured above.
    unsafe { args.launch(one_block) }.w()?;
    Ok(())
}
