//! Findings of the audit in Candle 0.11.1, each reproduced in a few lines of plain Candle.
//!
//! A test that fails here means that Candle has changed, most likely for the better.

use crate::checker::numbers;
use candle_core::{Device, Module, Result, Tensor, Var};
use candle_nn::{LayerNorm, RmsNorm, ops, rotary_emb};
use taper::gradcheck::strided;

fn var(shape: &[usize]) -> Var {
    Var::from_tensor(&numbers(shape)).unwrap()
}

/// The elements of the gradient of the sum of `y` with respect to `x`, if there is one.
fn gradient(y: &Tensor, x: &Var) -> Result<Option<Vec<f64>>> {
    let gradients = y.sum_all()?.backward()?;
    gradients.get(x).map(|g| g.flatten_all()?.to_vec1()).transpose()
}

/// The largest of four elements should get the whole gradient; Candle gives it a quarter.
#[test]
fn max_pool2d_divides_by_the_window() -> Result<()> {
    let x = Var::new(&[[[[1f64, 2.], [3., 4.]]]], &Device::Cpu)?;
    assert_eq!(gradient(&x.max_pool2d(2)?, &x)?.unwrap(), [0.0, 0.0, 0.0, 0.25]);
    Ok(())
}

/// Only the four elements of the window should get a gradient; Candle gives one to the third row and column
/// as well.
#[test]
fn avg_pool2d_spreads_over_the_remainder() -> Result<()> {
    let x = var(&[1, 1, 3, 3]);
    assert_eq!(gradient(&x.avg_pool2d(2)?, &x)?.unwrap(), [0.25; 9]);
    Ok(())
}

/// d(x + upsample(x)) / dx contains the 1 of the first term, which Candle loses here.
#[test]
fn upsample_overwrites_the_gradient_of_other_uses() -> Result<()> {
    let x = Var::new(&[[[1f64, 2.]]], &Device::Cpu)?;
    let both = (x.upsample_nearest1d(4)?.sum_all()? + x.sum_all()?)?;
    assert_eq!(gradient(&both, &x)?.unwrap(), [2.0, 2.0]);
    Ok(())
}

/// Elements that are overwritten have no gradient, and those that are added to keep theirs; Candle does the
/// opposite.
#[test]
fn scatter_and_scatter_add_have_each_others_gradient() -> Result<()> {
    let (x, y) = (Var::new(&[1f64, 2.], &Device::Cpu)?, Tensor::new(&[5f64], &Device::Cpu)?);
    let first = Tensor::new(&[0u32], &Device::Cpu)?;
    assert_eq!(gradient(&x.scatter(&first, &y, 0)?, &x)?.unwrap(), [1.0, 1.0]);
    let (x, y) = (Var::new(&[1f64, 2.], &Device::Cpu)?, Tensor::new(&[5f64, 6.], &Device::Cpu)?);
    let both = Tensor::new(&[0u32, 0], &Device::Cpu)?;
    assert_eq!(gradient(&x.scatter_add(&both, &y, 0)?, &x)?.unwrap(), [0.0, 1.0]);
    Ok(())
}

/// The second sample of a batch gives something else than it does alone: the samples are mixed up.
#[test]
fn conv_transpose1d_mixes_the_samples_of_a_batch() -> Result<()> {
    let (samples, kernel) = (numbers(&[2, 3, 3]), numbers(&[3, 2, 3]));
    let second = |x: &Tensor, sample: usize| x.conv_transpose1d(&kernel, 0, 0, 1, 1, 1)?.get(sample);
    let (in_batch, alone) = (second(&samples, 1)?, second(&samples.narrow(0, 1, 1)?, 0)?);
    assert_ne!(in_batch.to_vec2::<f64>()?, alone.to_vec2::<f64>()?);
    Ok(())
}

/// The second sample gets a wrong gradient, since the backward is the `conv_transpose1d` above. Only upstream
/// gradients that differ between samples show it.
#[test]
fn conv1d_is_wrong_for_more_than_one_sample() -> Result<()> {
    let (samples, kernel) = (numbers(&[2, 2, 5]), numbers(&[3, 2, 3]));
    let (batch, single) = (Var::from_tensor(&samples)?, Var::from_tensor(&samples.narrow(0, 1, 1)?)?);
    let in_batch = gradient(&batch.conv1d(&kernel, 0, 1, 1, 1)?.sqr()?, &batch)?.unwrap();
    let alone = gradient(&single.conv1d(&kernel, 0, 1, 1, 1)?.sqr()?, &single)?.unwrap();
    assert_ne!(in_batch[10..], alone);
    Ok(())
}

/// A kernel that is not contiguous is copied, but then the original is used.
#[test]
fn conv1d_takes_a_strided_kernel_for_contiguous() -> Result<()> {
    let (x, kernel) = (numbers(&[1, 2, 4]), numbers(&[1, 2, 3]));
    let right = x.conv1d(&kernel, 0, 1, 1, 1)?.flatten_all()?.to_vec1::<f64>()?;
    assert_ne!(x.conv1d(&strided(&kernel)?, 0, 1, 1, 1)?.flatten_all()?.to_vec1::<f64>()?, right);
    Ok(())
}

/// The output padding of the height is used for the width as well.
#[test]
fn conv2d_fails_with_a_remainder_in_one_axis() {
    let x = var(&[1, 1, 4, 5]);
    let y = x.conv2d(&numbers(&[1, 1, 3, 3]), 0, 2, 1, 1).unwrap();
    assert!(gradient(&y, &x).unwrap_err().to_string().contains("shape mismatch in add"));
}

/// Overlapping windows are a view, whose backward only reshapes.
#[test]
fn unfold_fails_where_windows_overlap() {
    let x = var(&[3]);
    assert!(gradient(&x.unfold(0, 2, 1).unwrap(), &x).is_err());
}

/// Tied elements may share the gradient, in shares that add up to one; here each gets all of it.
#[test]
fn max_gives_every_tie_the_whole_gradient() -> Result<()> {
    let x = Var::new(&[2f64, 2., 1.], &Device::Cpu)?;
    assert_eq!(gradient(&x.max(0)?, &x)?.unwrap(), [1.0, 1.0, 0.0]);
    Ok(())
}

/// The fused functions have no backward, and no error says so.
#[test]
fn fused_functions_sever_the_graph() -> Result<()> {
    let x = var(&[2, 3]);
    assert_eq!(gradient(&ops::softmax_last_dim(&x)?, &x)?, None);
    let x = var(&[1, 1, 2, 4]);
    let (cos, sin) = (numbers(&[2, 2]), numbers(&[2, 2]));
    for rope in [rotary_emb::rope, rotary_emb::rope_i] {
        assert_eq!(gradient(&rope(&x, &cos, &sin)?, &x)?, None);
    }
    Ok(())
}

/// The layers use them: in a model with `LayerNorm` or `RmsNorm` nothing below the last of them is trained.
#[test]
fn normalisation_layers_sever_the_graph() -> Result<()> {
    let x = Var::from_tensor(&numbers(&[2, 3]).to_dtype(candle_core::DType::F32)?)?;
    let (weight, bias) = (Tensor::new(&[1f32; 3], &Device::Cpu)?, Tensor::new(&[0f32; 3], &Device::Cpu)?);
    let layer = LayerNorm::new(weight.clone(), bias, 1e-5).forward(&x)?;
    assert_eq!(gradient(&layer, &x)?, None);
    assert_eq!(gradient(&RmsNorm::new(weight, 1e-5).forward(&x)?, &x)?, None);
    Ok(())
}
