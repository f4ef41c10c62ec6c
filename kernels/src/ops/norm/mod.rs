//! The normalisation of rows, and of columns.

mod columns;
pub(super) mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod kind;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp2, CustomOp3, D, Layout, Result, Shape, Tensor, bail};

use crate::ops::broadcast::sum_to;
use crate::ops::elements::{on_cpu, with_float};
use crate::ops::mul::mul;
use crate::ops::operands;
use crate::ops::simd::SimdFloat;
pub use kind::NormKind;

/// What is added to a mean of squares under the root.
const EPSILON: f64 = 1e-5;

/// Divides each row of `x` by its root mean square and multiplies it by `scale` (Zhang and Sennrich, 2019).
///
/// x is (..., n), scale is (n), and z = x r scale with r = 1 / sqrt(mean(x^2) + 1e-5) of each row. With the
/// gradient g of z, n = x r and h = g scale: dx = r (h - n mean(h n)), and the gradient of the scale is the
/// sum of g n over the rows. Operands of 16 bits are widened to `f32`, and the result is rounded once. Candle's
/// `rms_norm` has no backward. PyTorch's equivalent is `torch.nn.functional.rms_norm` with `eps=1e-5`.
///
/// # Errors
///
/// Fails when the operands are on different devices, differ in dtype or are not floating-point, and when
/// `scale` is not as long as the last axis of `x`.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Tensor, Var};
///
/// let x = Var::new(&[[3., 4.], [0., 1e9]], &Device::Cpu)?;
/// let scale = Tensor::new(&[1., 2.], &Device::Cpu)?;
/// let z = taper::ops::rms_norm(&x, &scale)?.to_vec2::<f64>()?;
/// assert!((z[0][0] - 3. / 12.5f64.sqrt()).abs() < 1e-6);
/// assert!((z[1][1] - 2. * 2f64.sqrt()).abs() < 1e-12);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn rms_norm(x: &Tensor, scale: &Tensor) -> Result<Tensor> {
    check(NormKind::Rms, &[("x", x), ("scale", scale)])?;
    operands::widened([x, scale], |[x, scale]| {
        x.contiguous()?.apply_op2(&scale.contiguous()?, Norm(NormKind::Rms))
    })
}

/// Brings each row of `x` to mean 0 and standard deviation 1, multiplies it by `scale` and adds `shift` (Ba,
/// Kiros and Hinton, 2016).
///
/// x is (..., n), scale and shift are (n), and z = (x - m) r scale + shift with the mean m of each row and r =
/// 1 / sqrt(v + 1e-5), where v = mean((x - m)^2) is its biased variance. With the gradient g of z, n = (x - m)
/// r and h = g scale: dx = r (h - mean(h) - n mean(h n)), and the gradients of scale and shift are the sums of
/// g n and of g over the rows. Operands of 16 bits are widened to `f32`, and the result is rounded once.
/// Candle's fused `layer_norm` has no backward. PyTorch's equivalent is `torch.nn.functional.layer_norm`.
///
/// # Errors
///
/// Fails when the operands are on different devices, differ in dtype or are not floating-point, and when
/// `scale` or `shift` is not as long as the last axis of `x`.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Tensor};
///
/// let x = Tensor::new(&[[1e3, 3e3]], &Device::Cpu)?;
/// let [scale, shift] = [Tensor::new(&[1., 2.], &Device::Cpu)?, Tensor::new(&[0., 5.], &Device::Cpu)?];
/// let z = taper::ops::layer_norm(&x, &scale, &shift)?.to_vec2::<f64>()?;
/// assert!((z[0][0] + 1.).abs() < 1e-9 && (z[0][1] - 7.).abs() < 1e-9);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn layer_norm(x: &Tensor, scale: &Tensor, shift: &Tensor) -> Result<Tensor> {
    check(NormKind::Layer, &[("x", x), ("scale", scale), ("shift", shift)])?;
    operands::widened([x, scale, shift], |[x, scale, shift]| {
        x.contiguous()?.apply_op3(&scale.contiguous()?, &shift.contiguous()?, Norm(NormKind::Layer))
    })
}

/// Brings each column of `x` to mean 0 and standard deviation 1 over the rows, multiplies it by `scale` and
/// adds `shift` (Ioffe and Szegedy, 2015), as in a training step.
///
/// x is (..., n), where all axes but the last are rows, scale and shift are (n), and z = (x - m) r scale +
/// shift with the mean m of each column and r = 1 / sqrt(v + 1e-5), where v = mean((x - m)^2) is its biased
/// variance. With the gradient g of z, n = (x - m) r and h = g scale: dx = r (h - mean(h) - n mean(h n)) with
/// means of columns, and the gradients of scale and shift are the sums of g n and of g over the rows. One row
/// alone becomes the shift, and its gradient is 0. Operands of 16 bits are widened to `f32`, and the result
/// is rounded once. PyTorch's equivalent, which refuses one row, is for x (rows, n)
/// `torch.nn.functional.batch_norm(x, None, None, scale, shift, training=True)`.
///
/// # Errors
///
/// Fails when the operands are on different devices, differ in dtype or are not floating-point, and when
/// `scale` or `shift` is not as long as the last axis of `x`.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Tensor};
///
/// let x = Tensor::new(&[[1e3, 7.], [3e3, 7.]], &Device::Cpu)?;
/// let [scale, shift] = [Tensor::new(&[1., 2.], &Device::Cpu)?, Tensor::new(&[0., 5.], &Device::Cpu)?];
/// let z = taper::ops::batch_norm(&x, &scale, &shift)?.to_vec2::<f64>()?;
/// assert!((z[0][0] + 1.).abs() < 1e-9 && (z[1][0] - 1.).abs() < 1e-9);
/// assert_eq!((z[0][1], z[1][1]), (5., 5.));
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn batch_norm(x: &Tensor, scale: &Tensor, shift: &Tensor) -> Result<Tensor> {
    check(NormKind::Batch, &[("x", x), ("scale", scale), ("shift", shift)])?;
    operands::widened([x, scale, shift], |[x, scale, shift]| {
        x.contiguous()?.apply_op3(&scale.contiguous()?, &shift.contiguous()?, Norm(NormKind::Batch))
    })
}

/// Checks x and what has the length of its last axis.
fn check(kind: NormKind, operands: &[(&str, &Tensor)]) -> Result<()> {
    operands::check_all(kind.name(), operands)?;
    let last = operands[0].1.dims().last();
    if operands[1..].iter().any(|(_, row)| row.rank() != 1 || row.dims().last() != last) {
        let others: Vec<_> = operands[1..].iter().map(|(name, _)| format!("{name} [n]")).collect();
        let list = operands::list(kind.name(), operands);
        bail!("{list}, expected x [.., n] and {}", others.join(" and "))
    }
    Ok(())
}

/// z = n scale, or n scale + shift, for the normalised x, n; the derivatives are in [`rms_norm`],
/// [`layer_norm`] and [`batch_norm`].
struct Norm(NormKind);

impl Norm {
    fn cpu<T: SimdFloat>(&self, x: &[T], scale: &[T], shift: Option<&[T]>) -> CpuStorage {
        let mut out = vec![T::default(); x.len()];
        cpu::forward(self.0, x, scale, shift, &mut out);
        T::to_cpu_storage_owned(out)
    }

    /// The gradients of x and of the scale, made of differentiable operations.
    fn gradients(
        &self,
        x: &Tensor,
        scale: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let mean = |x: &Tensor| match self.0 {
            NormKind::Rms | NormKind::Layer => x.mean_keepdim(D::Minus1),
            NormKind::Batch => {
                let rows = x.elem_count() / scale.elem_count().max(1);
                sum_to(x, scale.shape())? / rows as f64
            }
        };
        let centred = if self.0.is_centred() { x.broadcast_sub(&mean(x)?)? } else { x.clone() };
        let inverse = (mean(&centred.sqr()?)? + EPSILON)?.sqrt()?.recip()?;
        let normalised = mul(&centred, &inverse)?;
        let x_grad = || -> Result<Tensor> {
            let h = mul(grad, scale)?;
            let along = mean(&mul(&h, &normalised)?)?;
            let mut rest = (&h - mul(&normalised, &along)?)?;
            if self.0.is_centred() {
                rest = rest.broadcast_sub(&mean(&h)?)?;
            }
            mul(&rest, &inverse)
        };
        let scale_grad = || sum_to(&mul(grad, &normalised)?, scale.shape());
        let x_grad = x.track_op().then(x_grad).transpose()?;
        Ok((x_grad, scale.track_op().then(scale_grad).transpose()?))
    }
}

impl CustomOp2 for Norm {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        scale: &CpuStorage,
        scale_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let out = with_float!(self.0.name(), x, T => {
            self.cpu::<T>(on_cpu(x, x_layout)?, on_cpu(scale, scale_layout)?, None)
        });
        Ok((out, x_layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        scale: &CudaStorage,
        scale_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let columns = scale_layout.shape().elem_count();
        let out = cuda::normalised(self.0, columns, (x, x_layout), (scale, scale_layout), None)?;
        Ok((out, x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        scale: &Tensor,
        _z: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        self.gradients(x, scale, grad)
    }
}

impl CustomOp3 for Norm {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        scale: &CpuStorage,
        scale_layout: &Layout,
        shift: &CpuStorage,
        shift_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let out = with_float!(self.0.name(), x, T => {
            let (scale, shift) = (on_cpu(scale, scale_layout)?, on_cpu(shift, shift_layout)?);
            self.cpu::<T>(on_cpu(x, x_layout)?, scale, Some(shift))
        });
        Ok((out, x_layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        scale: &CudaStorage,
        scale_layout: &Layout,
        shift: &CudaStorage,
        shift_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (columns, shift) = (scale_layout.shape().elem_count(), Some((shift, shift_layout)));
        let out = cuda::normalised(self.0, columns, (x, x_layout), (scale, scale_layout), shift)?;
        Ok((out, x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        scale: &Tensor,
        shift: &Tensor,
        _z: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (x_grad, scale_grad) = self.gradients(x, scale, grad)?;
        let shift_grad = shift.track_op().then(|| sum_to(grad, shift.shape())).transpose()?;
        Ok((x_grad, scale_grad, shift_grad))
    }
}

#[cfg(test)]
mod tests;
