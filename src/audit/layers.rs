//! The layers of candle-nn, with their weights among the inputs.

use std::collections::HashMap;

use candle_core::{DType, Module, ModuleT, Result, Tensor};
use candle_nn::rnn::RNN;
use candle_nn::{
    BatchNorm, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Embedding, GRU, GRUConfig, GroupNorm, LSTM,
    LSTMConfig, LayerNorm, Linear, RmsNorm, VarBuilder,
};

use super::inputs::{case_in_f32, ids, numbers, positive};
use crate::gradcheck::Case;

pub(super) fn cases() -> Result<Vec<Case>> {
    let tensors = |shapes: &[&[usize]]| -> Result<Vec<Tensor>> {
        shapes.iter().zip(0..).map(|(shape, salt)| numbers(shape, salt)).collect()
    };
    let bias = |x: &[Tensor]| x.get(2).cloned();
    // Input, scale and shift of a normalisation over three channels or features.
    let norm = |shape: &[usize]| -> Result<Vec<Tensor>> {
        Ok(vec![numbers(shape, 0)?, positive(&[3], 1)?, numbers(&[3], 2)?])
    };
    Ok(vec![
        Case::new("Linear", tensors(&[&[3, 2], &[4, 2], &[4]])?, move |x| {
            Linear::new(x[1].clone(), bias(x)).forward(&x[0])
        }),
        Case::new("Linear, no bias", tensors(&[&[3, 2], &[4, 2]])?, move |x| {
            Linear::new(x[1].clone(), bias(x)).forward(&x[0])
        }),
        Case::new("Linear, rank 3", tensors(&[&[2, 3, 2], &[2, 2], &[2]])?, move |x| {
            Linear::new(x[1].clone(), bias(x)).forward(&x[0])
        }),
        Case::new("Conv1d", tensors(&[&[1, 2, 4], &[2, 2, 3], &[2]])?, move |x| {
            Conv1d::new(x[1].clone(), bias(x), candle_nn::Conv1dConfig::default()).forward(&x[0])
        }),
        Case::new("Conv2d", tensors(&[&[1, 2, 3, 3], &[2, 2, 2, 2], &[2]])?, move |x| {
            Conv2d::new(x[1].clone(), bias(x), candle_nn::Conv2dConfig::default()).forward(&x[0])
        }),
        Case::new("ConvTranspose1d", tensors(&[&[1, 2, 3], &[2, 1, 2], &[1]])?, move |x| {
            ConvTranspose1d::new(x[1].clone(), bias(x), candle_nn::ConvTranspose1dConfig::default())
                .forward(&x[0])
        }),
        Case::new("ConvTranspose2d", tensors(&[&[1, 1, 2, 2], &[1, 1, 2, 2], &[1]])?, move |x| {
            ConvTranspose2d::new(x[1].clone(), bias(x), candle_nn::ConvTranspose2dConfig::default())
                .forward(&x[0])
        }),
        Case::new("Embedding", vec![numbers(&[3, 2], 0)?, ids(&[2, 0, 2], &[3])?], |x| {
            Embedding::new(x[0].clone(), 2).forward(&x[1])
        }),
        case_in_f32("LayerNorm", &norm(&[2, 3])?, |x| {
            LayerNorm::new(x[1].clone(), x[2].clone(), 1e-5).forward(&x[0])
        })?,
        Case::new("LayerNorm, no bias", norm(&[2, 3])?[..2].to_vec(), |x| {
            LayerNorm::new_no_bias(x[1].clone(), 1e-5).forward(&x[0])
        }),
        case_in_f32("RmsNorm", &norm(&[2, 3])?[..2], |x| RmsNorm::new(x[1].clone(), 1e-5).forward(&x[0]))?,
        Case::new("RmsNorm::forward_diff", norm(&[2, 3])?[..2].to_vec(), |x| {
            RmsNorm::new(x[1].clone(), 1e-5).forward_diff(&x[0])
        }),
        Case::new("GroupNorm", norm(&[2, 3, 2])?, |x| {
            GroupNorm::new(x[1].clone(), x[2].clone(), 3, 1, 1e-5)?.forward(&x[0])
        }),
        Case::new("GroupNorm, 2 groups", tensors(&[&[2, 4, 2], &[4], &[4]])?, |x| {
            GroupNorm::new(x[1].clone(), x[2].clone(), 4, 2, 1e-5)?.forward(&x[0])
        }),
        Case::new("BatchNorm, training", norm(&[4, 3])?, |x| batch_norm(x)?.forward_t(&x[0], true)),
        Case::new("BatchNorm, evaluation", norm(&[4, 3])?, |x| batch_norm(x)?.forward_t(&x[0], false)),
        Case::new("LSTM", tensors(&[&[1, 2, 2], &[8, 2], &[8, 2], &[8], &[8]])?, |x| {
            let lstm = LSTM::new(2, 2, LSTMConfig::default(), recurrent(x))?;
            lstm.states_to_tensor(&lstm.seq(&x[0])?)
        }),
        Case::new("GRU", tensors(&[&[1, 2, 2], &[6, 2], &[6, 2], &[6], &[6]])?, |x| {
            let gru = GRU::new(2, 2, GRUConfig::default(), recurrent(x))?;
            gru.states_to_tensor(&gru.seq(&x[0])?)
        }),
    ])
}

/// A batch normalisation of three channels with scale `x[1]`, shift `x[2]` and running statistics of its own.
fn batch_norm(x: &[Tensor]) -> Result<BatchNorm> {
    let device = x[1].device();
    let (mean, variance) = (numbers(&[3], 3)?.to_device(device)?, positive(&[3], 4)?.to_device(device)?);
    BatchNorm::new(3, mean, variance, x[1].clone(), x[2].clone(), 1e-5)
}

/// The weights `x[1..]` of a recurrent layer under the names that candle-nn looks for.
fn recurrent(x: &[Tensor]) -> VarBuilder<'static> {
    let names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"];
    let weights: HashMap<_, _> = names.into_iter().map(String::from).zip(x[1..].iter().cloned()).collect();
    VarBuilder::from_tensors(weights, DType::F64, x[0].device())
}
