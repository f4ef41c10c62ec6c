//! The operations, layers, loss and network of this crate, parameters among the inputs.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{DType, Device, Module, Result, Tensor};
use candle_nn::VarBuilder;

use super::inputs::numbers;
use crate::gradcheck::Case;
use crate::nn::{CosInit, CosLinear, DynamicNet, LayerKind, Linear, ModelConfig, Nonlinearity, Norm};
use crate::ops::{
    Activation, Loss, TieGrad, batch_norm, cos, cos_linear_with, dropout, gelu, layer_norm, linear_with,
    log_softmax, maximum, maximum_with, mish, mul, relu, rms_norm, silu, softmax, softmax_last_dim,
};

pub(super) fn cases() -> Result<Vec<Case>> {
    let mut cases = operations()?;
    cases.extend(affine()?);
    cases.extend(layers()?);
    let default = ModelConfig::default;
    let smooth = ModelConfig { activation: Nonlinearity::Mish, norm: Norm::Layer, skip: true, ..default() };
    for (name, model) in [
        ("linear", default()),
        ("cos", ModelConfig { layer: LayerKind::Cos(CosInit::Centred), ..default() }),
        ("linear, mish, norm and skip", smooth),
    ] {
        cases.extend(networks(name, model)?);
    }
    Ok(cases)
}

fn operations() -> Result<Vec<Case>> {
    let pair = |x: &[usize], y: &[usize]| -> Result<Vec<Tensor>> { Ok(vec![numbers(x, 0)?, numbers(y, 1)?]) };
    let one = || Ok::<_, candle_core::Error>(vec![numbers(&[2, 3], 0)?]);
    let mut cases = vec![
        Case::new("mul", pair(&[2, 3], &[2, 3])?, |x| mul(&x[0], &x[1])),
        Case::new("mul, broadcast", pair(&[2, 1, 3], &[4, 1])?, |x| mul(&x[0], &x[1])),
        Case::new("mul, scalar", pair(&[], &[2, 2])?, |x| mul(&x[0], &x[1])),
        Case::new("mul, by itself", one()?, |x| mul(&x[0], &x[0])),
        Case::new("maximum, broadcast", pair(&[2, 1, 3], &[4, 1])?, |x| maximum(&x[0], &x[1])),
        Case::new("relu", one()?, |x| relu(&x[0])),
        Case::new("silu", one()?, |x| silu(&x[0])),
        Case::new("mish", one()?, |x| mish(&x[0])),
        Case::new("gelu", one()?, |x| gelu(&x[0])),
        Case::new("dropout", one()?, |x| dropout(&x[0], 0.4, 1)),
        Case::new("cos", one()?, |x| cos(&x[0])),
        Case::new("cos, large", vec![numbers(&[2, 3], 0)?.affine(1e3, 0.)?], |x| cos(&x[0])),
    ];
    for loss in Loss::ALL {
        let (name, of) = (loss.name(), move |x: &[Tensor]| loss.of(&x[0], &x[1]));
        let outputs = loss.outputs();
        cases.push(Case::new(name, pair(&[3, 2 * outputs], &[3, 2])?, of));
        if outputs == 1 {
            cases.push(Case::new(format!("{name}, scalar"), pair(&[], &[])?, of));
        }
        cases.push(Case::new(format!("{name}, of itself and its square"), one()?, move |x| {
            loss.of(&x[0], &mul(&x[0], &x[0])?.narrow(1, 0, 3 / outputs)?)
        }));
    }
    for (name, tie) in [("split", TieGrad::Split), ("first", TieGrad::First), ("second", TieGrad::Second)] {
        cases.push(Case::new(format!("maximum, {name}"), pair(&[2, 3], &[2, 3])?, move |x| {
            maximum_with(&x[0], &x[1], tie)
        }));
        cases.push(Case::new(format!("maximum, {name}, of itself"), one()?, move |x| {
            maximum_with(&x[0], &x[0], tie)
        }));
    }
    Ok(cases)
}

/// The layers as operations, with and without a relu and a bias, over no, one and two leading axes.
fn affine() -> Result<Vec<Case>> {
    let mut cases = vec![];
    for (name, layer) in
        [("linear", linear_with as fn(&_, &_, Option<&_>, _) -> _), ("cos_linear", cos_linear_with)]
    {
        for (suffix, activation) in [("", Activation::Identity), (", relu", Activation::Relu)] {
            for leading in [[].as_slice(), &[3], &[2, 3]] {
                let x = [leading, &[2]].concat();
                let name = format!("{name}{suffix}, x {x:?}");
                let inputs = vec![numbers(&x, 0)?, numbers(&[4, 2], 1)?, numbers(&[4], 2)?];
                let without_bias = inputs[..2].to_vec();
                cases.push(Case::new(format!("{name}, no bias"), without_bias, move |x| {
                    layer(&x[0], &x[1], None, activation)
                }));
                cases.push(Case::new(name, inputs, move |x| layer(&x[0], &x[1], Some(&x[2]), activation)));
            }
        }
        // All that its backward multiplies is one tensor.
        cases.push(Case::new(format!("{name}, of itself"), vec![numbers(&[2, 2], 0)?], move |x| {
            layer(&x[0], &x[0], Some(&x[0].get(0)?), Activation::Relu)
        }));
    }
    Ok(cases)
}

fn layers() -> Result<Vec<Case>> {
    let mut cases = vec![];
    for dim in 0..3 {
        let x = || Ok::<_, candle_core::Error>(vec![numbers(&[2, 3, 2], 0)?]);
        cases.push(Case::new(format!("softmax({dim})"), x()?, move |x| softmax(&x[0], dim)));
        cases.push(Case::new(format!("log_softmax({dim})"), x()?, move |x| log_softmax(&x[0], dim)));
    }
    cases.push(Case::new("softmax_last_dim", vec![numbers(&[2, 3], 0)?], |x| softmax_last_dim(&x[0])));
    let attention = vec![numbers(&[3, 2], 0)?, numbers(&[4, 2], 1)?, numbers(&[3, 4], 2)?];
    cases.push(Case::new("softmax_last_dim, attention", attention, |x| {
        let product = |x: &Tensor, y: &Tensor| linear_with(x, y, None, Activation::Identity);
        product(&softmax_last_dim(&product(&x[0], &x[1])?)?, &x[2])
    }));
    for shape in [[4].as_slice(), &[3, 4], &[2, 3, 4]] {
        let inputs = vec![numbers(shape, 0)?, numbers(&[4], 1)?, numbers(&[4], 2)?];
        let without_shift = inputs[..2].to_vec();
        cases.push(Case::new(format!("rms_norm, x {shape:?}"), without_shift, |x| rms_norm(&x[0], &x[1])));
        cases
            .push(Case::new(format!("layer_norm, x {shape:?}"), inputs, |x| layer_norm(&x[0], &x[1], &x[2])));
    }
    // Every third number: every fourth is nearly the same, and differences near a variance of 0 are coarse.
    for shape in [[3].as_slice(), &[4, 3], &[2, 3, 3]] {
        let inputs = vec![numbers(shape, 0)?, numbers(&[3], 1)?, numbers(&[3], 2)?];
        cases
            .push(Case::new(format!("batch_norm, x {shape:?}"), inputs, |x| batch_norm(&x[0], &x[1], &x[2])));
    }
    for (suffix, shapes) in [("", [[4, 2].as_slice(), &[4]].as_slice()), (", no bias", &[&[4, 2]])] {
        let bias = shapes.len() == 2;
        let mut inputs = vec![numbers(&[3, 2], 0)?];
        for (shape, salt) in shapes.iter().zip(1..) {
            inputs.push(numbers(shape, salt)?);
        }
        cases.push(Case::new(format!("Linear{suffix}"), inputs.clone(), move |x| {
            Linear::new(2, 4, bias, parameters(&["weight", "bias"], &x[1..]))?.forward(&x[0])
        }));
        cases.push(Case::new(format!("CosLinear{suffix}"), inputs, move |x| {
            let vb = parameters(&["weight", "bias"], &x[1..]);
            CosLinear::new(2, 4, bias, CosInit::Centred, vb)?.forward(&x[0])
        }));
    }
    Ok(cases)
}

/// The network of `model` at each depth, and its prediction; `name` is that of its layers.
fn networks(name: &str, model: ModelConfig) -> Result<Vec<Case>> {
    // A prototype names the parameters and has their shapes.
    let layer = model.layer;
    let spec = ModelConfig { hidden: 3, ..model }.network(2, 1);
    let prototype = DynamicNet::new(&spec, VarBuilder::zeros(DType::F64, &Device::Cpu))?;
    // The weights of a cosine are around pi/2, where cos(W) is around 0 as the weights of a linear layer are.
    let centre = if matches!(layer, LayerKind::Cos(_)) { std::f64::consts::FRAC_PI_2 } else { 0. };
    let (mut names, mut inputs) = (vec![], vec![numbers(&[4, 2], 0)?]);
    for ((name, parameter), salt) in prototype.named_parameters().zip(1..) {
        let centre = if parameter.rank() == 2 { centre } else { 0. };
        inputs.push(numbers(parameter.dims(), salt)?.affine(1., centre)?);
        names.push(name);
    }
    let net = Arc::new(move |x: &[Tensor]| {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        DynamicNet::new(&spec, parameters(&names, &x[1..]))
    });
    let at_depth = |depth: usize| {
        let net = Arc::clone(&net);
        Case::new(format!("DynamicNet of {name}, depth {depth}"), inputs.clone(), move |x| {
            net(x)?.forward_at_depth(&x[0], depth)
        })
    };
    let mut cases: Vec<_> = (1..=4).map(at_depth).collect();
    let name = format!("DynamicNet of {name}, predict");
    cases.push(Case::new(name, inputs, move |x| net(x)?.predict(&x[0])));
    Ok(cases)
}

/// A builder over given parameters, through which their gradients go.
fn parameters(names: &[&str], values: &[Tensor]) -> VarBuilder<'static> {
    let named = names.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value.clone()));
    let (dtype, device) = (values[0].dtype(), values[0].device());
    VarBuilder::from_tensors(named.collect::<HashMap<_, _>>(), dtype, device)
}
