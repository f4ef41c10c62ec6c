//! Values and gradients of the layers and the losses on CUDA against those on the CPU: every dtype, layout,
//! and size around a block's.
//!
//! Of numbers whose sums are exact they are equal; with cosines, within what CUDA documents.

use crate::parity::{
    Allowed, DTYPES, Differences, Numbers, View, gpu, precision, upstream, value_and_gradients,
};
use candle_core::{DType, Device, Result, Tensor, Var};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use taper::ops::{Activation, Loss, Quantiles, cos_linear_with, linear_with, log_softmax, softmax};

/// `f` of operands of `shapes` seen as `views`, and its gradients, on both devices.
fn hold(
    differences: &mut Differences,
    what: &str,
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    (views, shapes): (&[View], &[Vec<usize>]),
    (dtype, numbers): (DType, Numbers),
    allowed: Allowed,
) {
    let mut rng = ChaCha8Rng::seed_from_u64(differences.cases as u64);
    let inputs: Vec<Tensor> = views
        .iter()
        .zip(shapes)
        .map(|(view, shape)| numbers.tensor(&view.base(shape), dtype, &mut rng))
        .collect();
    let f = |x: &[Tensor]| {
        let views = x.iter().zip(views).zip(shapes);
        f(&views.map(|((x, view), shape)| view.of(x, shape)).collect::<Result<Vec<_>>>()?)
    };
    let upstream = upstream(f(&inputs).unwrap().dims(), dtype, &mut rng);
    let on = |device| value_and_gradients(f, &inputs, &upstream, device).unwrap();
    for (k, (there, here)) in on(&gpu()).iter().zip(&on(&Device::Cpu)).enumerate() {
        differences.hold(
            &format!("{what} {views:?} {dtype:?} {numbers:?}, result {k}"),
            there,
            here,
            allowed,
        );
    }
    differences.cases += 1;
}

/// A layer of `leading` axes with both activations, and with a cosine.
fn hold_layer(
    differences: &mut Differences,
    (leading, inputs, outputs): (&[usize], usize, usize),
    views: &[View],
    dtype: DType,
    numbers: Numbers,
) {
    let shapes = [[leading, &[inputs]].concat(), vec![outputs, inputs], vec![outputs]];
    // Each term of a sum is at most 8, and a cosine is off by 3 units in the last place.
    let terms = leading.iter().product::<usize>().max(inputs).max(8) as f64;
    let rounding = f64::from(8 - precision(dtype).0.min(24)).exp2();
    for activation in [Activation::Identity, Activation::Relu] {
        let what = format!("linear {leading:?} x {inputs} -> {outputs} {activation:?}");
        let layer = |x: &[Tensor]| linear_with(&x[0], &x[1], x.get(2), activation);
        // Zeros may differ in sign.
        hold(differences, &what, layer, (views, &shapes), (dtype, numbers), Allowed::Absolute(0.));
    }
    let layer = |x: &[Tensor]| cos_linear_with(&x[0], &x[1], x.get(2), Activation::Identity);
    let allowed = Allowed::Absolute(terms * rounding);
    hold(differences, &format!("cos_{leading:?}"), layer, (views, &shapes), (dtype, numbers), allowed);
}

#[test]
fn layers_of_every_size() {
    let mut differences = Differences::default();
    for dtype in [DType::F32, DType::F64] {
        for rows in [1, 9, 70] {
            for (inputs, outputs) in [(1, 1), (1, 5), (3, 4), (8, 32), (5, 33), (4, 65)] {
                for views in [[View::Contiguous; 3].as_slice(), &[View::Contiguous; 2]] {
                    hold_layer(&mut differences, (&[rows], inputs, outputs), views, dtype, Numbers::Plain);
                }
            }
        }
    }
    differences.print("sizes");
}

#[test]
fn layers_of_every_layout_and_dtype() {
    let mut differences = Differences::default();
    for dtype in DTYPES {
        let mut hold = |leading: &[usize], views: &[View], numbers| {
            hold_layer(&mut differences, (leading, 3, 8), views, dtype, numbers);
        };
        for view in View::ALL {
            hold(&[4], &[view, View::Contiguous, View::Contiguous], Numbers::Plain);
            hold(&[4], &[View::Contiguous, view, View::Contiguous], Numbers::Plain);
            hold(&[2, 3], &[view, View::Contiguous], Numbers::Plain);
        }
        for bias in [View::Contiguous, View::Offset(1), View::Scalar] {
            hold(&[4], &[View::Contiguous, View::Contiguous, bias], Numbers::Special);
        }
    }
    differences.print("layouts");
}

/// The gradient of a sum is one element for all positions.
#[test]
fn a_broadcast_gradient() {
    for activation in [Activation::Identity, Activation::Relu] {
        let on = |device: &Device| {
            let x = Tensor::arange(-6f32, 6., device).unwrap().reshape((4, 3)).unwrap();
            let weight = Var::from_tensor(&x.narrow(0, 1, 2).unwrap()).unwrap();
            let bias = Var::new(&[1f32, -2.], device).unwrap();
            let y = linear_with(&x, &weight, Some(&bias), activation).unwrap();
            let grads = y.sum_all().unwrap().backward().unwrap();
            [&weight, &bias]
                .map(|x| crate::compare::values(&grads.get(x).unwrap().to_device(&Device::Cpu).unwrap()))
        };
        assert_eq!(on(&gpu()), on(&Device::Cpu));
    }
}

#[test]
fn empty_layers() {
    let gpu = gpu();
    for (rows, inputs, outputs) in [(0, 3, 2), (4, 0, 2), (4, 3, 0), (0, 0, 0)] {
        for activation in [Activation::Identity, Activation::Relu] {
            let zeros = |shape: &[usize]| Var::zeros(shape, DType::F32, &gpu).unwrap();
            let (x, weight) = (zeros(&[rows, inputs]), zeros(&[outputs, inputs]));
            // Candle cannot make an empty tensor of ones there.
            let bias =
                (zeros(&[outputs]).as_tensor() + 1.).map(|one| Var::from_tensor(&one).unwrap()).unwrap();
            let y = linear_with(&x, &weight, Some(&bias), activation).unwrap();
            assert_eq!(y.dims(), [rows, outputs]);
            assert_eq!(crate::compare::values(&y.to_device(&Device::Cpu).unwrap()), vec![1.; rows * outputs]);
            let without = linear_with(&x, &weight, None, activation).unwrap();
            assert_eq!(without.dims(), [rows, outputs]);
            if rows * outputs > 0 {
                let grads = (y + without).unwrap().sum_all().unwrap().backward().unwrap();
                let bias_grad = grads.get(&bias).unwrap().to_device(&Device::Cpu).unwrap();
                assert_eq!(crate::compare::values(&bias_grad), vec![rows as f64; outputs]);
            }
        }
    }
}

/// Softmax along every axis, of slices shorter and longer than a block.
#[test]
fn softmaxes() {
    let mut differences = Differences::default();
    for dtype in DTYPES {
        // Exponentials are within 2 units in the last place on either side; a gradient adds up some dozens.
        let allowed = Allowed::Rounding(32.);
        for numbers in [Numbers::Plain, Numbers::Special] {
            for shape in [[1].as_slice(), &[127], &[129], &[1000], &[3, 5], &[2, 130, 3], &[2, 3, 2, 4]] {
                for dim in 0..shape.len() {
                    for view in View::ALL {
                        let view = if shape.len() == 1 { View::Contiguous } else { view };
                        // What a broadcast element gets is a sum of many terms that cancel.
                        if matches!(view, View::Scalar | View::Row | View::Column) && shape.len() > 2 {
                            continue;
                        }
                        let (views, shapes) = ([view], [shape.to_vec()]);
                        let operands = (views.as_slice(), shapes.as_slice());
                        let what = format!("softmax of {shape:?} along {dim}");
                        let f = |x: &[Tensor]| softmax(&x[0], dim);
                        hold(&mut differences, &what, f, operands, (dtype, numbers), allowed);
                        let f = |x: &[Tensor]| log_softmax(&x[0], dim);
                        hold(
                            &mut differences,
                            &format!("log_{what}"),
                            f,
                            operands,
                            (dtype, numbers),
                            allowed,
                        );
                    }
                }
            }
        }
    }
    differences.print("softmax");
}

#[test]
fn empty_softmaxes() {
    let gpu = gpu();
    for shape in [[0, 3].as_slice(), &[3, 0], &[0]] {
        for dim in 0..shape.len() {
            let x = Var::zeros(shape, DType::F32, &gpu).unwrap();
            let z = softmax(&x, dim).unwrap().to_device(&Device::Cpu).unwrap();
            assert_eq!((z.dims(), z.elem_count()), (shape, 0));
        }
    }
}

#[test]
fn the_losses() {
    // Of quarters, unlike tenths, sums are exact.
    let quarters = Loss::Quantile(Quantiles::new(&[0.25, 0.5, 0.75]).unwrap());
    for loss in Loss::ALL.map(|loss| if loss.outputs() == 1 { loss } else { quarters }) {
        let mut differences = Differences::default();
        let (name, f) = (loss.name(), |x: &[Tensor]| loss.of(&x[0], &x[1]));
        for dtype in DTYPES {
            for numbers in [Numbers::Plain, Numbers::Special] {
                let allowed = Allowed::Absolute(f64::from(2 - precision(dtype).0).exp2());
                for len in [1, 2, 31, 255, 256, 257, 3000] {
                    let shapes = [vec![len * loss.outputs()], vec![len]];
                    let views = [View::Contiguous; 2];
                    hold(&mut differences, name, f, (&views, &shapes), (dtype, numbers), allowed);
                }
                // The gradient of a target is a sum over its outputs, each divided by their number.
                let allowed = if loss.outputs() == 1 { Allowed::Absolute(0.) } else { allowed };
                for view in View::ALL {
                    for [x, y] in [[view, View::Contiguous], [View::Contiguous, view], [view, view]] {
                        let shapes = [vec![4, 8 * loss.outputs()], vec![4, 8]];
                        hold(&mut differences, name, f, (&[x, y], &shapes), (dtype, numbers), allowed);
                    }
                }
            }
        }
        differences.print(name);
    }
}
