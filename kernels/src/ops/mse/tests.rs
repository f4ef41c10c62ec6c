//! The mean squared error against the same made of Candle's operations, in every dtype and layout.

use candle_core::{DType, Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::mse;
use crate::ops::testing::{View, assert_close, eighths, message, results, tolerance};

#[test]
fn values_and_gradients_equal_candles() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        for shape in [[].as_slice(), &[1], &[15], &[16], &[17], &[64, 1], &[3, 5], &[2, 3, 33]] {
            for x in View::ALL {
                for y in View::ALL {
                    let [x, y] = [x, y].map(|view| if shape.is_empty() { View::Contiguous } else { view });
                    let views = [(x, shape.to_vec()), (y, shape.to_vec())];
                    let bases: Vec<Tensor> =
                        views.iter().map(|(view, shape)| eighths(&view.base(shape), &mut rng)).collect();
                    let upstream = Tensor::new(-0.75f64, &Device::Cpu).unwrap();
                    let ours = results(|x| mse(&x[0], &x[1]), &bases, &views, dtype, &upstream);
                    let candles = |x: &[Tensor]| (&x[0] - &x[1])?.sqr()?.mean_all();
                    let candles = results(candles, &bases, &views, DType::F64, &upstream);
                    for (part, (ours, candles)) in ours.iter().zip(&candles).enumerate() {
                        let what = format!("{shape:?} {x:?} {y:?} {dtype:?}: {part}");
                        assert_close(&what, ours, candles, tolerance(dtype, 8));
                    }
                }
            }
        }
    }
}

/// Where a sum in `f32` would differ.
#[test]
fn squares_are_summed_in_double_precision() {
    let n = 1 << 20;
    let x = Tensor::full(0.1f32, n, &Device::Cpu).unwrap();
    let expected = f64::from(0.1f32).powi(2) as f32;
    assert_eq!(mse(&x, &x.zeros_like().unwrap()).unwrap().to_scalar::<f32>().unwrap(), expected);
}

#[test]
fn errors_name_the_operation_and_both_operands() {
    let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu).unwrap();
    let f32s = |shape: &[usize]| zeros(shape, DType::F32);
    assert_eq!(
        message(mse(&f32s(&[3, 1]), &f32s(&[3]))),
        "mse: prediction is F32 [3, 1] on Cpu, target is F32 [3] on Cpu, expected one shape"
    );
    assert_eq!(
        message(mse(&f32s(&[0]), &f32s(&[0]))),
        "mse: prediction is F32 [0] on Cpu, target is F32 [0] on Cpu, expected at least one element"
    );
    assert_eq!(
        message(mse(&f32s(&[2]), &zeros(&[2], DType::F16))),
        "mse: prediction is F32 [2] on Cpu, target is F16 [2] on Cpu, expected one dtype"
    );
}
