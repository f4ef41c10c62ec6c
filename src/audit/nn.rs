//! The functions of candle-nn: activations, normalisations, rotations, losses.

use candle_core::{D, Module, Result, Tensor};
use candle_nn::attention::{AttnMask, flash_attn};
use candle_nn::{Activation, PReLU, loss, ops, rotary_emb};

use super::inputs::{case_in_f32, ids, numbers, positive};
use crate::gradcheck::Case;

type Unary = fn(&Tensor) -> Result<Tensor>;

const UNARY: [(&str, &[usize], Unary); 16] = [
    ("softmax(0)", &[2, 3], |x| ops::softmax(x, 0)),
    ("softmax(-1)", &[2, 3], |x| ops::softmax(x, D::Minus1)),
    ("log_softmax", &[2, 3], |x| ops::log_softmax(x, 1)),
    ("softmax_last_dim", &[2, 3], ops::softmax_last_dim),
    ("sigmoid", &[2, 3], ops::sigmoid),
    ("hard_sigmoid", &[2, 3], |x| ops::hard_sigmoid(&(x * 5.0)?)),
    ("mish", &[2, 3], ops::mish),
    ("leaky_relu", &[2, 3], |x| ops::leaky_relu(x, 0.1)),
    ("silu of candle-nn", &[2, 3], ops::silu),
    ("swiglu", &[2, 4], ops::swiglu),
    ("dropout(0)", &[2, 3], |x| ops::dropout(x, 0.0)),
    ("pixel_shuffle", &[1, 4, 2, 1], |x| ops::pixel_shuffle(x, 2)),
    ("pixel_unshuffle", &[1, 1, 2, 4], |x| ops::pixel_unshuffle(x, 2)),
    ("replication_pad2d", &[1, 1, 2, 3], |x| ops::replication_pad2d(x, 1)),
    ("gumbel_softmax", &[2, 3], |x| candle_nn::sampling::gumbel_softmax(x, 1.0, 1)),
    ("encoding::one_hot of argmax", &[2, 3], |x| candle_nn::encoding::one_hot(x.argmax(1)?, 3, 1f64, 0.0)),
];

const ACTIVATIONS: [(&str, Activation); 15] = [
    ("Activation::Gelu", Activation::Gelu),
    ("Activation::NewGelu", Activation::NewGelu),
    ("Activation::Relu", Activation::Relu),
    ("Activation::Relu2", Activation::Relu2),
    ("Activation::Relu6", Activation::Relu6),
    ("Activation::Silu", Activation::Silu),
    ("Activation::Sigmoid", Activation::Sigmoid),
    ("Activation::HardSigmoid", Activation::HardSigmoid),
    ("Activation::Swiglu", Activation::Swiglu),
    ("Activation::Swish", Activation::Swish),
    ("Activation::Mish", Activation::Mish),
    ("Activation::HardSwish", Activation::HardSwish),
    ("Activation::Elu", Activation::Elu(0.7)),
    ("Activation::LeakyRelu", Activation::LeakyRelu(0.1)),
    ("Activation::GeluPytorchTanh", Activation::GeluPytorchTanh),
];

type Rotation = fn(&Tensor, &Tensor, &Tensor) -> Result<Tensor>;

/// By the shape of the input: batch, heads, sequence, head length, or for thd batch, sequence, heads.
const ROTATIONS: [(&str, &[usize], Rotation); 5] = [
    ("rope", &[1, 1, 2, 4], rotary_emb::rope),
    ("rope_slow", &[1, 1, 2, 4], rotary_emb::rope_slow),
    ("rope_i", &[1, 1, 2, 4], rotary_emb::rope_i),
    ("rope_i_slow", &[1, 1, 2, 4], rotary_emb::rope_i_slow),
    ("rope_thd", &[1, 2, 1, 4], rotary_emb::rope_thd),
];

pub(super) fn cases() -> Result<Vec<Case>> {
    let mut cases = vec![];
    for (name, shape, f) in UNARY {
        cases.push(Case::new(name, vec![numbers(shape, 0)?], move |x| f(&x[0])));
    }
    for (name, activation) in ACTIVATIONS {
        cases.push(Case::new(name, vec![numbers(&[2, 4], 0)?], move |x| activation.forward(&x[0])));
    }
    for (name, shape, f) in ROTATIONS {
        let inputs = vec![numbers(shape, 0)?, numbers(&[2, 2], 1)?, numbers(&[2, 2], 2)?];
        cases.push(Case::new(name, inputs, move |x| f(&x[0], &x[1], &x[2])));
    }
    let x = || numbers(&[2, 3], 0);
    let rows = || Ok::<_, candle_core::Error>(vec![x()?, positive(&[3], 1)?, numbers(&[3], 2)?]);
    let two = || Ok::<_, candle_core::Error>(vec![x()?, positive(&[3], 1)?]);
    let classes = || Ok::<_, candle_core::Error>(vec![x()?, ids(&[2, 0], &[2])?]);
    let pair = || Ok::<_, candle_core::Error>(vec![x()?, numbers(&[2, 3], 1)?]);
    cases.extend([
        // Batch, sequence, heads, head length.
        case_in_f32(
            "flash_attn",
            &[numbers(&[1, 2, 1, 2], 0)?, numbers(&[1, 2, 1, 2], 1)?, numbers(&[1, 2, 1, 2], 2)?],
            |x| flash_attn::<f32>(&x[0], &x[1], &x[2], 0.7, AttnMask::None, None, None),
        )?,
        case_in_f32("selu", &[x()?], |x| ops::selu(&x[0], 1.6733, 1.0507))?,
        case_in_f32("layer_norm", &rows()?, |x| ops::layer_norm(&x[0], &x[1], &x[2], 1e-5))?,
        Case::new("layer_norm_slow", rows()?, |x| ops::layer_norm_slow(&x[0], &x[1], &x[2], 1e-5)),
        case_in_f32("rms_norm", &two()?, |x| ops::rms_norm(&x[0], &x[1], 1e-5))?,
        Case::new("rms_norm_slow", two()?, |x| ops::rms_norm_slow(&x[0], &x[1], 1e-5)),
        Case::new("PReLU", two()?, |x| PReLU::new(x[1].clone(), false).forward(&x[0])),
        Case::new("PReLU, scalar", vec![x()?, numbers(&[1], 1)?], |x| {
            PReLU::new(x[1].clone(), true).forward(&x[0])
        }),
        Case::new("loss::nll", classes()?, |x| loss::nll(&x[0], &x[1])),
        Case::new("loss::cross_entropy", classes()?, |x| loss::cross_entropy(&x[0], &x[1])),
        Case::new("loss::mse", pair()?, |x| loss::mse(&x[0], &x[1])),
        Case::new("loss::huber", pair()?, |x| loss::huber(&x[0], &x[1], 0.7)),
        Case::new(
            "loss::binary_cross_entropy_with_logit",
            vec![x()?, positive(&[2, 3], 1)?.affine(0.4, 0.0)?],
            |x| loss::binary_cross_entropy_with_logit(&x[0], &x[1]),
        ),
    ]);
    Ok(cases)
}
