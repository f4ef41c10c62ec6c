//! The loss.

use candle_core::{Result, Tensor};

use crate::ops::mse;

/// The mean squared error over all elements, a scalar: the operation [`mse`].
///
/// `prediction` and `target` have one shape and dtype; the loss has that dtype. PyTorch's equivalent is
/// `torch.nn.functional.mse_loss`.
///
/// # Errors
///
/// Fails when the shapes, dtypes or devices differ: broadcasting a target of shape (n) against a prediction of shape
/// (n, 1) would train on n^2 differences without a word. Fails when there are no elements.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
///
/// let prediction = Tensor::new(&[1f32, 2.], &Device::Cpu)?;
/// let target = Tensor::new(&[1f32, 4.], &Device::Cpu)?;
/// assert_eq!(taper::nn::mse_loss(&prediction, &target)?.to_scalar::<f32>()?, 2.);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn mse_loss(prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
    mse(prediction, target)
}
