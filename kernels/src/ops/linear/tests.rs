//! The layers against the same made of Candle's operations: values and gradients of every dtype and layout,
//! for sizes around those of tiles and vectors.

use candle_core::{DType, Device, Result, Tensor, Var};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Activation, cos_linear, cos_linear_with, linear, linear_with};
use crate::ops::testing::{Tolerance, View, assert_close, eighths, message, results, tolerance, values};

const ACTIVATIONS: [Activation; 2] = [Activation::Identity, Activation::Relu];

/// A layer made of Candle's own operations, with relu's derivative at 0 and at NaN.
fn by_candle(x: &[Tensor], cosine: bool, activation: Activation) -> Result<Tensor> {
    let (outputs, inputs) = x[1].dims2()?;
    let leading = &x[0].dims()[..x[0].rank() - 1];
    let weight = if cosine { x[1].cos()? } else { x[1].clone() };
    let rows = x[0].contiguous()?.reshape((leading.iter().product::<usize>(), inputs))?;
    let mut y = rows.matmul(&weight.t()?)?;
    if let Some(bias) = x.get(2) {
        y = y.broadcast_add(bias)?;
    }
    if activation == Activation::Relu {
        y = (&y * y.detach().gt(0.)?.to_dtype(y.dtype())?)?;
    }
    y.reshape([leading, &[outputs]].concat())
}

fn by_taper(x: &[Tensor], cosine: bool, activation: Activation) -> Result<Tensor> {
    let layer = if cosine { cos_linear_with } else { linear_with };
    layer(&x[0], &x[1], x.get(2), activation)
}

/// Holds a layer of (..., `inputs`) to `outputs`, with operands seen as `views`, against Candle's in `f64`.
fn check(leading: &[usize], inputs: usize, outputs: usize, views: &[View], dtype: DType) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let shapes = [[leading, &[inputs]].concat(), vec![outputs, inputs], vec![outputs]];
    let views: Vec<_> = views.iter().copied().zip(shapes).collect();
    let bases: Vec<Tensor> = views.iter().map(|(view, shape)| eighths(&view.base(shape), &mut rng)).collect();
    let upstream = eighths(&[leading, &[outputs]].concat(), &mut rng);
    for cosine in [false, true] {
        for activation in ACTIVATIONS {
            let what = format!(
                "{leading:?} x {inputs} -> {outputs}, {views:?}, {dtype:?}, cosine: {cosine}, {activation:?}"
            );
            let ours = results(|x| by_taper(x, cosine, activation), &bases, &views, dtype, &upstream);
            let candles =
                results(|x| by_candle(x, cosine, activation), &bases, &views, DType::F64, &upstream);
            // In 16 bits only Candle's sums over a repeated row have many rounded terms.
            let exact = matches!(dtype, DType::F16 | DType::BF16)
                && views.iter().all(|(view, _)| *view != View::Repeated);
            let terms = if exact { 1 } else { upstream.elem_count().max(inputs).max(8) };
            for (part, (ours, candles)) in ours.iter().zip(&candles).enumerate() {
                assert_close(&format!("{what}: {part}"), ours, candles, tolerance(dtype, terms));
            }
        }
    }
}

#[test]
fn sizes_around_tiles_and_vectors() {
    for dtype in [DType::F32, DType::F64] {
        for rows in [1, 2, 7, 8, 9, 17] {
            for inputs in [1, 3, 8, 16, 33] {
                for outputs in [1, 2, 15, 16, 17, 33] {
                    check(&[rows], inputs, outputs, &[View::Contiguous; 3], dtype);
                    check(&[rows], inputs, outputs, &[View::Contiguous; 2], dtype);
                }
            }
        }
    }
}

/// From 2^21 multiplications on, the `gemm` crate computes the product.
#[test]
fn large_products() {
    for dtype in [DType::F32, DType::F64] {
        check(&[130], 128, 127, &[View::Contiguous; 3], dtype);
    }
}

#[test]
fn every_layout_and_dtype() {
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        for x in View::ALL {
            for weight in View::ALL {
                for bias in [View::Contiguous, View::Narrowed, View::Repeated] {
                    check(&[5], 6, 7, &[x, weight, bias], dtype);
                }
                check(&[2, 3], 6, 7, &[x, weight], dtype);
            }
        }
    }
}

#[test]
fn any_leading_axes() {
    for leading in [[].as_slice(), &[1], &[1, 4], &[2, 1, 3], &[2, 2, 2, 2]] {
        check(leading, 3, 4, &[View::Contiguous; 3], DType::F64);
        check(leading, 3, 4, &[View::Contiguous; 2], DType::F32);
    }
}

/// No rows, no inputs, or no outputs, whether the operands are contiguous or start past the end of their
/// storage.
#[test]
fn empty_operands() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for (leading, inputs, outputs) in
        [([0].as_slice(), 3, 2), (&[2, 0], 3, 2), (&[4], 0, 2), (&[4], 3, 0), (&[0], 0, 0)]
    {
        for view in [View::Contiguous, View::Narrowed, View::Transposed] {
            for (cosine, activation) in [(false, Activation::Identity), (true, Activation::Relu)] {
                let what = format!("{leading:?} x {inputs} -> {outputs}, {view:?}, {activation:?}");
                let shapes = [[leading, &[inputs]].concat(), vec![outputs, inputs], vec![outputs]];
                let vars = shapes.clone().map(|shape| {
                    Var::from_tensor(&eighths(&view.base(&shape), &mut rng).abs().unwrap()).unwrap()
                });
                let x: Vec<Tensor> =
                    vars.iter().zip(&shapes).map(|(x, shape)| view.of(x, shape).unwrap()).collect();
                let y = by_taper(&x, cosine, activation).unwrap();
                assert_eq!(y.dims(), [leading, &[outputs]].concat(), "{what}");
                // Without inputs the rows are the bias.
                let rows = leading.iter().product();
                assert_eq!(values(&y), values(&x[2]).repeat(rows), "{what}");
                let grads = y.backward().unwrap();
                for x in &vars[..2] {
                    assert!(values(grads.get(x).unwrap()).iter().all(|&g| g == 0.), "{what}");
                }
                let along_bias: f64 = values(grads.get(&vars[2]).unwrap()).iter().sum();
                let positive =
                    values(&y).iter().filter(|&&y| activation == Activation::Identity || y > 0.).count();
                assert_eq!(along_bias, positive as f64, "{what}");
            }
        }
    }
}

#[test]
fn a_relu_passes_no_gradient_at_zero_and_nan() {
    let x = Var::new(&[[1f32], [f32::NAN], [0.], [f32::INFINITY]], &Device::Cpu).unwrap();
    let weight = Var::new(&[[1f32], [-1.]], &Device::Cpu).unwrap();
    let bias = Var::new(&[0f32, 0.], &Device::Cpu).unwrap();
    let y = linear_with(&x, &weight, Some(&bias), Activation::Relu).unwrap();
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let exact = Tolerance { relative: 0., absolute: 0. };
    assert_close("y", &values(&y), &[1., 0., nan, nan, 0., 0., inf, 0.], exact);
    let grads = y.backward().unwrap();
    assert_close("dx", &values(grads.get(&x).unwrap()), &[1., 0., 0., 1.], exact);
    assert_close("db", &values(grads.get(&bias).unwrap()), &[2., 0.], exact);
}

/// Candle panics when a backward returns no gradient for a tracked operand; a constant needs none.
#[test]
fn constants_get_no_gradient() {
    let constants = [[2, 3].as_slice(), &[4, 3], &[4]]
        .map(|shape| Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap());
    for tracked in 0..8u8 {
        for activation in ACTIVATIONS {
            let vars = constants.clone().map(|x| Var::from_tensor(&x).unwrap());
            let is_tracked = |k: usize| tracked >> k & 1 == 1;
            let x: Vec<Tensor> = (0..3)
                .map(|k| if is_tracked(k) { vars[k].as_tensor().clone() } else { constants[k].clone() })
                .collect();
            let y = by_taper(&x, tracked % 2 == 0, activation).unwrap();
            assert_eq!(y.track_op(), tracked > 0);
            let grads = y.backward().unwrap();
            for (k, x) in x.iter().enumerate() {
                assert_eq!(grads.get(x).is_some(), is_tracked(k), "{tracked:b}, operand {k}");
            }
        }
    }
}

#[test]
fn errors_name_the_operation_and_all_operands() {
    let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu).unwrap();
    let f32s = |shape: &[usize]| zeros(shape, DType::F32);
    for (name, layer) in [("linear", linear as fn(&_, &_, Option<&_>) -> _), ("cos_linear", cos_linear)] {
        let x = f32s(&[5, 3]);
        assert_eq!(
            message(layer(&x, &f32s(&[4, 3]), Some(&f32s(&[1])))),
            format!(
                "{name}: x is F32 [5, 3] on Cpu, weight is F32 [4, 3] on Cpu, bias is F32 [1] on Cpu, \
                 expected bias [4]"
            )
        );
        assert_eq!(
            message(layer(&x, &f32s(&[3, 4]), None)),
            format!("{name}: x is F32 [5, 3] on Cpu, weight is F32 [3, 4] on Cpu, expected x [.., 4]")
        );
        assert_eq!(
            message(layer(&x, &f32s(&[3]), None)),
            format!("{name}: x is F32 [5, 3] on Cpu, weight is F32 [3] on Cpu, expected weight [out, in]")
        );
        assert_eq!(
            message(layer(&x, &f32s(&[4, 3]), Some(&zeros(&[4], DType::F64)))),
            format!(
                "{name}: x is F32 [5, 3] on Cpu, weight is F32 [4, 3] on Cpu, bias is F64 [4] on Cpu, \
                 expected one dtype"
            )
        );
        let whole = zeros(&[2, 2], DType::U32);
        assert_eq!(
            message(layer(&whole, &whole, None)),
            format!(
                "{name}: x is U32 [2, 2] on Cpu, weight is U32 [2, 2] on Cpu, expected F16, BF16, F32 or F64"
            )
        );
    }
}
