//! Operations of one and of two operands, element by element.

use candle_core::{DType, Result, Tensor};

use super::inputs::{numbers, positive};
use crate::gradcheck::Case;

type Unary = fn(&Tensor) -> Result<Tensor>;
type Binary = fn(&Tensor, &Tensor) -> Result<Tensor>;

/// Of one operand of any sign.
const ANY: [(&str, Unary); 27] = [
    ("neg", Tensor::neg),
    ("recip", Tensor::recip),
    ("exp", Tensor::exp),
    ("sin", Tensor::sin),
    ("cos", Tensor::cos),
    ("tanh", Tensor::tanh),
    ("abs", Tensor::abs),
    ("sqr", Tensor::sqr),
    ("gelu", Tensor::gelu),
    ("gelu_erf", Tensor::gelu_erf),
    ("erf", Tensor::erf),
    ("relu", Tensor::relu),
    ("silu", Tensor::silu),
    ("elu(0.7)", |x| x.elu(0.7)),
    ("powf(3)", |x| x.powf(3.0)),
    ("affine", |x| x.affine(3.0, 1.0)),
    ("affine by 0", |x| x.affine(0.0, 1.0)),
    ("clamp", |x| x.clamp(-0.5, 0.5)),
    ("round_to", |x| x.round_to(1)),
    ("ceil", Tensor::ceil),
    ("floor", Tensor::floor),
    ("round", Tensor::round),
    ("sign", Tensor::sign),
    ("gt", |x| x.gt(0.1)),
    ("to_dtype f32 and back", |x| x.affine(0.5, 0.0)?.to_dtype(DType::F32)?.to_dtype(DType::F64)),
    ("copy", Tensor::copy),
    ("x + x", |x| x + x),
];

/// Of one positive operand.
const POSITIVE: [(&str, Unary); 3] =
    [("log", Tensor::log), ("sqrt", Tensor::sqrt), ("powf(-1.5)", |x| x.powf(-1.5))];

/// Of two operands of the same shape, the second positive.
const SAME_SHAPE: [(&str, Binary); 8] = [
    ("add", Tensor::add),
    ("sub", Tensor::sub),
    ("mul", Tensor::mul),
    ("div", Tensor::div),
    ("maximum", |x, y| x.maximum(y)),
    ("minimum", |x, y| x.minimum(y)),
    ("pow", |x, y| x.abs()?.pow(y)),
    ("where_cond", |x, y| x.gt(0.0)?.where_cond(x, y)),
];

/// Of two operands that broadcast to each other.
const BROADCAST: [(&str, Binary); 7] = [
    ("broadcast_add", Tensor::broadcast_add),
    ("broadcast_sub", Tensor::broadcast_sub),
    ("broadcast_mul", Tensor::broadcast_mul),
    ("broadcast_div", Tensor::broadcast_div),
    ("broadcast_maximum", Tensor::broadcast_maximum),
    ("broadcast_minimum", Tensor::broadcast_minimum),
    ("broadcast_pow", |x, y| x.abs()?.broadcast_pow(y)),
];

pub(super) fn cases() -> Result<Vec<Case>> {
    let mut cases = vec![];
    for (name, f) in ANY {
        cases.push(Case::new(name, vec![numbers(&[2, 3], 0)?], move |x| f(&x[0])));
    }
    for (name, f) in POSITIVE {
        cases.push(Case::new(name, vec![positive(&[2, 3], 0)?], move |x| f(&x[0])));
    }
    for (name, f) in SAME_SHAPE {
        let inputs = vec![numbers(&[2, 3], 0)?, positive(&[2, 3], 1)?.affine(0.3, 0.0)?];
        cases.push(Case::new(name, inputs, move |x| f(&x[0], &x[1])));
    }
    for (name, f) in BROADCAST {
        let inputs = vec![numbers(&[3, 1], 0)?, positive(&[2, 1, 2], 1)?.affine(0.3, 0.0)?];
        cases.push(Case::new(name, inputs, move |x| f(&x[0], &x[1])));
    }
    Ok(cases)
}
