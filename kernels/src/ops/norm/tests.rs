//! The normalisations against the same made of Candle's operations, in every dtype and layout.

use candle_core::{D, DType, Device, Result, Tensor, Var};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{EPSILON, NormKind, batch_norm, cpu, layer_norm, rms_norm};
use crate::ops::testing::{View, assert_close, eighths, message, results, tolerance, values};

fn by_candle(kind: NormKind, x: &[Tensor]) -> Result<Tensor> {
    let columns = x[1].elem_count();
    let mean = |x: &Tensor| match kind {
        NormKind::Batch => x.reshape(((), columns))?.mean_keepdim(0),
        _ => x.mean_keepdim(D::Minus1),
    };
    let x0 = if kind.is_centred() { x[0].broadcast_sub(&mean(&x[0])?)? } else { x[0].clone() };
    let inverse = (mean(&x0.sqr()?)? + EPSILON)?.sqrt()?.recip()?;
    let scaled = x0.broadcast_mul(&inverse)?.broadcast_mul(&x[1])?;
    let all = if kind.is_centred() { scaled.broadcast_add(&x[2])? } else { scaled };
    // One row of a matrix, where x has no other axis.
    all.reshape(x[0].shape())
}

#[test]
fn values_and_gradients_equal_candles() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        for shape in [[7].as_slice(), &[1, 16], &[5, 17], &[3, 2, 33], &[2, 40]] {
            let columns = shape[shape.len() - 1];
            for kind in NormKind::ALL {
                for view in View::ALL {
                    // Of equal rows the sums of gradients cancel.
                    if kind == NormKind::Batch && matches!(view, View::Repeated) {
                        continue;
                    }
                    let view = if shape.len() == 1 { View::Contiguous } else { view };
                    let mut views = vec![(view, shape.to_vec()), (View::Narrowed, vec![columns])];
                    if kind.is_centred() {
                        views.push((View::Contiguous, vec![columns]));
                    }
                    let bases: Vec<Tensor> =
                        views.iter().map(|(view, shape)| eighths(&view.base(shape), &mut rng)).collect();
                    let upstream = eighths(shape, &mut rng);
                    let apply = |x: &[Tensor]| match kind {
                        NormKind::Rms => rms_norm(&x[0], &x[1]),
                        NormKind::Layer => layer_norm(&x[0], &x[1], &x[2]),
                        NormKind::Batch => batch_norm(&x[0], &x[1], &x[2]),
                    };
                    let ours = results(apply, &bases, &views, dtype, &upstream);
                    let candles = results(|x| by_candle(kind, x), &bases, &views, DType::F64, &upstream);
                    for (part, (ours, candles)) in ours.iter().zip(&candles).enumerate() {
                        let what = format!("{kind:?} {shape:?} {view:?} {dtype:?}: {part}");
                        assert_close(&what, ours, candles, tolerance(dtype, 64));
                    }
                }
            }
        }
    }
}

/// The gradients that plans take, against those of the operation; each row alone as among others, where
/// others do not matter.
#[test]
fn the_kernels_gradients_are_the_operations() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for (rows, columns) in [(1, 1), (5, 16), (4, 33), (3, 130)] {
        let [x, grad] = [(); 2].map(|()| eighths(&[rows, columns], &mut rng));
        let [scale, shift] = [(); 2].map(|()| eighths(&[columns], &mut rng));
        for kind in NormKind::ALL {
            let bases = if kind.is_centred() { vec![&x, &scale, &shift] } else { vec![&x, &scale] };
            let bases: Vec<Tensor> = bases.into_iter().cloned().collect();
            let views: Vec<_> = bases.iter().map(|x| (View::Contiguous, x.dims().to_vec())).collect();
            let expected = results(|x| by_candle(kind, x), &bases, &views, DType::F64, &grad);
            let [x, scale, grad] = [&x, &scale, &grad].map(values);
            let (mut x_grad, mut terms) = (vec![f64::NAN; x.len()], vec![f64::NAN; x.len()]);
            cpu::backward(kind, &x, &scale, &grad, &mut x_grad, &mut terms);
            let what = format!("{kind:?} {rows} x {columns}");
            assert_close(&format!("{what}: x"), &x_grad, &expected[1], tolerance(DType::F64, 64));
            let sums: Vec<f64> = (0..columns).map(|j| terms.iter().skip(j).step_by(columns).sum()).collect();
            assert_close(&format!("{what}: scale"), &sums, &expected[2], tolerance(DType::F64, 64));
            if kind == NormKind::Batch {
                continue;
            }
            let last = (rows - 1) * columns..;
            let (mut alone, mut alone_terms) = (vec![f64::NAN; columns], vec![f64::NAN; columns]);
            cpu::backward(kind, &x[last.clone()], &scale, &grad[last.clone()], &mut alone, &mut alone_terms);
            assert_eq!((&alone[..], &alone_terms[..]), (&x_grad[last.clone()], &terms[last]), "{what}");
        }
    }
}

/// A mean far from zero leaves no more error than the elements have.
#[test]
fn a_large_mean_does_not_cancel() {
    let x = Tensor::new(&[4e6f32, 4e6 + 1., 4e6 + 2., 4e6 + 3.], &Device::Cpu).unwrap();
    let (scale, shift) = (x.ones_like().unwrap(), x.zeros_like().unwrap());
    let expected = [-1.5, -0.5, 0.5, 1.5].map(|x: f64| x / (1.25 + EPSILON).sqrt());
    let tolerance = tolerance(DType::F32, 1);
    assert_close("layer_norm", &values(&layer_norm(&x, &scale, &shift).unwrap()), &expected, tolerance);
    let [scale, shift] = [&scale, &shift].map(|x| x.narrow(0, 0, 1).unwrap());
    let column = batch_norm(&x.reshape((4, 1)).unwrap(), &scale, &shift).unwrap();
    assert_close("batch_norm", &values(&column), &expected, tolerance);
}

/// One row, and a column of one number: the shift, to the bit, and no gradient of x.
#[test]
fn columns_that_do_not_vary_become_the_shift() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for dtype in [DType::F32, DType::F64] {
        for rows in [1, 5] {
            let [row, scale, shift] = [(); 3].map(|()| eighths(&[40], &mut rng).to_dtype(dtype).unwrap());
            let x = Var::from_tensor(&row.broadcast_as((rows, 40)).unwrap().contiguous().unwrap()).unwrap();
            let z = batch_norm(&x, &scale, &shift).unwrap();
            assert_eq!(values(&z), values(&shift).repeat(rows));
            let upstream = eighths(&[rows, 40], &mut rng).to_dtype(dtype).unwrap();
            let grads = (&z * &upstream).unwrap().sum_all().unwrap().backward().unwrap();
            // Of one row g - mean(g) is 0.
            let grad = values(grads.get(&x).unwrap());
            assert_eq!(grad.iter().all(|grad| *grad == 0.), rows == 1, "{grad:?}");
        }
    }
}

#[test]
fn no_elements_give_no_elements() {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    for (x, n) in [([0, 3], 3), ([3, 0], 0)] {
        assert_eq!(rms_norm(&zeros(&x), &zeros(&[n])).unwrap().dims(), x);
        for norm in [layer_norm, batch_norm] {
            assert_eq!(norm(&zeros(&x), &zeros(&[n]), &zeros(&[n])).unwrap().dims(), x);
        }
    }
}

#[test]
fn errors_name_the_operation_and_all_operands() {
    let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu).unwrap();
    let f32s = |shape: &[usize]| zeros(shape, DType::F32);
    assert_eq!(
        message(rms_norm(&f32s(&[2, 3]), &f32s(&[2]))),
        "rms_norm: x is F32 [2, 3] on Cpu, scale is F32 [2] on Cpu, expected x [.., n] and scale [n]"
    );
    assert_eq!(
        message(layer_norm(&f32s(&[]), &f32s(&[]), &f32s(&[]))),
        "layer_norm: x is F32 [] on Cpu, scale is F32 [] on Cpu, shift is F32 [] on Cpu, expected x [.., n] and \
         scale [n] and shift [n]"
    );
    assert_eq!(
        message(rms_norm(&f32s(&[2]), &zeros(&[2], DType::F64))),
        "rms_norm: x is F32 [2] on Cpu, scale is F64 [2] on Cpu, expected one dtype"
    );
}
