//! The fused engine's pieces on the CPU, on slices.

mod buffer;
mod gather;

use std::marker::PhantomData;
use std::ops::Range;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Storage, Tensor, WithDType, bail};

use super::backend::{Backend, Sizes, Status};
use crate::data::Dataset;
use crate::ops::kernels::simd::{self, Simd, SimdFloat, WithSimd};
use crate::ops::kernels::{Activation, Write, column_sums, cos, linear, mse, on_cpu, transpose};
use crate::optim::{StepCoefficients, adamw_cpu};
use buffer::Buffer;
use gather::gather;

/// The type of the elements of a network that is trained on the CPU.
pub(in crate::train) trait CpuElement: SimdFloat {
    /// The elements of a storage of this type.
    fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]>;
}

macro_rules! cpu_element {
    ($type:ident, $dtype:ident) => {
        impl CpuElement for $type {
            fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]> {
                if let CpuStorage::$dtype(slice) = storage { Some(slice) } else { None }
            }
        }
    };
}

cpu_element!(f32, F32);
cpu_element!(f64, F64);

/// One core of the CPU.
#[derive(Debug)]
pub(in crate::train) struct Cpu<T> {
    status: Status,
    element: PhantomData<T>,
}

impl<T> Cpu<T> {
    pub(in crate::train) fn new() -> Self {
        Self { status: Status { loss: 0., not_finite: None }, element: PhantomData }
    }
}

impl<T: CpuElement> Backend for Cpu<T> {
    type Buffer = Buffer<T>;
    type Rows = Vec<u32>;

    const TRANSPOSED: bool = true;

    fn zeros(&self, len: usize) -> Result<Self::Buffer> {
        Ok(Buffer::zeros(len))
    }

    fn copy(&self, from: &Self::Buffer, to: &mut Self::Buffer) -> Result<()> {
        to[..from.len()].copy_from_slice(from);
        Ok(())
    }

    fn load(&self, from: &Tensor, to: &mut Self::Buffer) -> Result<()> {
        let from = from.contiguous()?;
        let (storage, layout) = from.storage_and_layout();
        let elements = elements(&storage, layout)?;
        to[..elements.len()].copy_from_slice(elements);
        Ok(())
    }

    fn store(&self, from: &Self::Buffer, to: &Tensor) -> Result<()> {
        assign(to, |to: &mut [T]| to.copy_from_slice(&from[..to.len()]))
    }

    fn load_weight(&self, sizes: Sizes, from: &Tensor, to: &mut Self::Buffer) -> Result<()> {
        let from = from.contiguous()?;
        let (storage, layout) = from.storage_and_layout();
        transpose(sizes.outputs, sizes.inputs, elements(&storage, layout)?, to);
        Ok(())
    }

    fn store_weight(&self, sizes: Sizes, from: &Self::Buffer, to: &Tensor) -> Result<()> {
        assign(to, |to: &mut [T]| transpose(sizes.inputs, sizes.outputs, from, to))
    }

    fn rows(&self, rows: &[u32]) -> Result<Self::Rows> {
        Ok(rows.to_vec())
    }

    fn gather(
        &self,
        data: &Dataset,
        rows: &Self::Rows,
        range: Range<usize>,
        x: &mut Self::Buffer,
        y: &mut Self::Buffer,
    ) -> Result<()> {
        for (all, batch) in [(data.x(), x), (data.y(), y)] {
            let (storage, layout) = all.storage_and_layout();
            gather(elements::<T>(&storage, layout)?, layout.dims()[1], &rows[range.clone()], batch);
        }
        Ok(())
    }

    fn transpose(&self, sizes: Sizes, kept: &Self::Buffer, weight: &mut Self::Buffer) -> Result<()> {
        transpose(sizes.inputs, sizes.outputs, kept, weight);
        Ok(())
    }

    fn linear(
        &self,
        sizes: Sizes,
        x: &Self::Buffer,
        weight: &Self::Buffer,
        bias: &Self::Buffer,
        activation: Activation,
        y: &mut Self::Buffer,
    ) -> Result<()> {
        linear::forward(sizes, x, weight, bias, activation, y);
        Ok(())
    }

    fn bias_grad(&self, sizes: Sizes, grad: &Self::Buffer, bias_grad: &mut Self::Buffer) -> Result<()> {
        let Sizes { rows, outputs, .. } = sizes;
        column_sums(&grad[..rows * outputs], Write::Set, &mut bias_grad[..outputs]);
        Ok(())
    }

    fn weight_grad(
        &self,
        sizes: Sizes,
        x: &Self::Buffer,
        grad: &Self::Buffer,
        write: Write,
        weight_grad: &mut Self::Buffer,
    ) -> Result<()> {
        // (grad^T x)^T = x^T grad: the gradient of a layer from the outputs to the inputs.
        let Sizes { rows, inputs, outputs } = sizes;
        let back = Sizes { rows, inputs: outputs, outputs: inputs };
        linear::weight_grad(back, grad, x, write, weight_grad);
        Ok(())
    }

    fn input_grad(
        &self,
        sizes: Sizes,
        grad: &Self::Buffer,
        weight: &Self::Buffer,
        x: &Self::Buffer,
        write: Write,
        grads: [&mut Self::Buffer; 2],
    ) -> Result<()> {
        let grads = grads.map(|buffer| &mut **buffer);
        linear::input_grad_relu_backward(sizes, grad, weight, x, write, grads);
        Ok(())
    }

    fn cos(&self, w: &Self::Buffer, z: &mut Self::Buffer) -> Result<()> {
        cos::forward(w, z);
        Ok(())
    }

    fn cos_grad(&self, w: &Self::Buffer, grad: &Self::Buffer, w_grad: &mut Self::Buffer) -> Result<()> {
        cos::backward(w, grad, w_grad);
        Ok(())
    }

    fn mse(
        &mut self,
        len: usize,
        weight: f64,
        prediction: &Self::Buffer,
        target: &Self::Buffer,
        grad: &mut Self::Buffer,
    ) -> Result<()> {
        let (prediction, target) = (&prediction[..len], &target[..len]);
        // Rounded as the operation's result is: a loss that the type cannot hold is infinite, and so a bad step.
        let loss = mse::mean_and_grad(prediction, target, &mut grad[..len]);
        self.status.loss += weight * loss.to_f64();
        Ok(())
    }

    fn adamw(
        &self,
        state: [&mut Self::Buffer; 3],
        grad: &Self::Buffer,
        coefficients: &StepCoefficients,
    ) -> Result<()> {
        adamw_cpu::update_slices(state.map(|buffer| &mut **buffer), grad, coefficients);
        Ok(())
    }

    fn reset_status(&mut self, loss: f64) -> Result<()> {
        self.status = Status { loss, not_finite: None };
        Ok(())
    }

    fn check(&mut self, k: usize, buffer: &Self::Buffer) -> Result<()> {
        if self.status.not_finite.is_none() && !simd::run(IsFinite(buffer)) {
            self.status.not_finite = Some(k);
        }
        Ok(())
    }

    fn status(&self) -> Result<Status> {
        Ok(self.status.clone())
    }
}

/// Whether every element is finite.
pub(in crate::train) struct IsFinite<'a, T>(pub(in crate::train) &'a [T]);

impl<T: SimdFloat> WithSimd for IsFinite<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> bool {
        let zero = T::default();
        let mut finite = true;
        // Zero times a finite number is zero; times an infinity or NaN it is NaN. Without a way out the loop becomes vectors.
        for &x in self.0 {
            finite &= x * zero == zero;
        }
        finite
    }
}

/// The elements of a contiguous CPU tensor.
fn elements<'a, T: WithDType>(storage: &'a Storage, layout: &Layout) -> Result<&'a [T]> {
    match storage {
        Storage::Cpu(storage) => on_cpu(storage, layout),
        _ => bail!("expected a tensor on the CPU, found {layout:?}"),
    }
}

/// Lets `write` fill the elements of a contiguous CPU tensor.
fn assign<T: CpuElement>(to: &Tensor, write: impl Fn(&mut [T])) -> Result<()> {
    to.inplace_op1(&Assign(write, PhantomData))
}

/// Lets a function write the elements of a contiguous CPU tensor.
struct Assign<T, F: Fn(&mut [T])>(F, PhantomData<T>);

impl<T: CpuElement, F: Fn(&mut [T])> InplaceOp1 for Assign<T, F> {
    fn name(&self) -> &'static str {
        "assign"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (Some(to), Some((start, end))) = (T::slice_mut(storage), layout.contiguous_offsets()) else {
            bail!("assign: expected a contiguous {:?} tensor, found {layout:?}", T::DTYPE)
        };
        self.0(&mut to[start..end]);
        Ok(())
    }
}
