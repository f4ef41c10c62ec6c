//! The losses against the same made of relus, in every dtype and layout.

use candle_core::{DType, Device, Result, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::ops::testing::{View, assert_close, eighths, message, results, tolerance};
use crate::ops::{Loss, Quantiles, relu};

/// The losses, with a delta that many eighths differ by.
const LOSSES: [Loss; 3] = [Loss::Mae, Loss::Huber { delta: 0.375 }, Loss::Quantile(Quantiles::DECILES)];

/// |d|, by a gradient of 0 at 0 for either relu.
fn size(d: &Tensor) -> Result<Tensor> {
    relu(d)? + relu(&d.neg()?)?
}

fn of_relus(loss: Loss, x: &[Tensor]) -> Result<Tensor> {
    if let Loss::Quantile(quantiles) = loss {
        let (targets, outputs) = (x[1].elem_count(), quantiles.len());
        let d = x[0].reshape((targets, outputs))?.broadcast_sub(&x[1].reshape((targets, 1))?)?;
        let levels = Tensor::new(quantiles.levels(), &Device::Cpu)?;
        // (1 - q) times the positive part and q times the negative one.
        let above = relu(&d)?.broadcast_mul(&(1. - &levels)?)?;
        return (above + relu(&d.neg()?)?.broadcast_mul(&levels)?)?.mean_all();
    }
    let d = (&x[0] - &x[1])?;
    let Loss::Huber { delta } = loss else { return size(&d)?.mean_all() };
    // With d clamped to [-delta, delta] it is c (d - c / 2).
    let clamped = ((&d - relu(&(&d - delta)?)?)? + relu(&(d.neg()? - delta)?)?)?;
    (&clamped * (d - (&clamped * 0.5)?)?)?.mean_all()
}

#[test]
fn values_and_gradients_equal_those_made_of_relus() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        for shape in [[].as_slice(), &[1], &[17], &[64, 1], &[3, 5], &[2, 3, 33]] {
            for (x, y) in View::ALL.into_iter().flat_map(|x| View::ALL.map(|y| (x, y))) {
                let [x, y] = [x, y].map(|view| if shape.is_empty() { View::Contiguous } else { view });
                let upstream = Tensor::new(-0.75f64, &Device::Cpu).unwrap();
                // Several outputs lie on an axis.
                for loss in LOSSES.into_iter().filter(|loss| loss.outputs() == 1 || !shape.is_empty()) {
                    let mut of_prediction = shape.to_vec();
                    of_prediction.iter_mut().rev().take(1).for_each(|last| *last *= loss.outputs());
                    let views = [(x, of_prediction), (y, shape.to_vec())];
                    let bases: Vec<Tensor> =
                        views.iter().map(|(view, shape)| eighths(&view.base(shape), &mut rng)).collect();
                    let ours = results(|x| loss.of(&x[0], &x[1]), &bases, &views, dtype, &upstream);
                    let relus = results(|x| of_relus(loss, x), &bases, &views, DType::F64, &upstream);
                    for (part, (ours, relus)) in ours.iter().zip(&relus).enumerate() {
                        let what = format!("{loss:?} {shape:?} {x:?} {y:?} {dtype:?}: {part}");
                        assert_close(&what, ours, relus, tolerance(dtype, 8));
                    }
                }
            }
        }
    }
}

/// In one pass as in two.
#[test]
fn a_step_has_the_values_of_the_operation() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for loss in LOSSES {
        let lens = [7 * loss.outputs(), 7];
        let data: Vec<_> = lens.map(|len| eighths(&[len], &mut rng)).into();
        let slices: Vec<Vec<f64>> = data.iter().map(|x| x.to_vec1().unwrap()).collect();
        let mut grad = vec![f64::NAN; lens[0]];
        let value = loss.with_grad(1., &slices[0], &slices[1], &mut grad);
        let views = lens.map(|len| (View::Contiguous, vec![len]));
        let one = Tensor::new(1f64, &Device::Cpu).unwrap();
        let expected = results(|x| loss.of(&x[0], &x[1]), &data, &views, DType::F64, &one);
        let largest = grad.iter().zip(&expected[1]).map(|(a, b)| (a - b).abs()).fold(0., f64::max);
        println!("{loss:?}: largest difference {largest:e}");
        assert!(grad.iter().zip(&expected[1]).all(|(a, b)| (a - b).abs() <= 1e-16), "{largest:e}");
        assert_eq!(value.to_bits(), expected[0][0].to_bits());
    }
}

#[test]
fn what_is_not_a_number_stays_so() {
    for loss in LOSSES {
        let mut grad = [0f32; 3];
        let targets = &[0.; 3][..3 / loss.outputs()];
        assert!(loss.with_grad(1., &[f32::NAN, f32::INFINITY, 1.], targets, &mut grad).is_nan());
        assert!(grad[0].is_nan() && grad[1] > 0., "{grad:?}");
    }
}

/// Where a sum in `f32` would differ.
#[test]
fn terms_are_summed_in_double_precision() {
    let x = Tensor::full(0.1f32, 1 << 20, &Device::Cpu).unwrap();
    let sum = Loss::Mae.of(&x, &x.zeros_like().unwrap()).unwrap();
    assert_eq!(sum.to_scalar::<f32>().unwrap(), 0.1);
}

#[test]
fn errors_name_the_operation_and_both_operands() {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    assert_eq!(
        message(Loss::Mae.of(&zeros(&[3, 1]), &zeros(&[3]))),
        "mae: prediction is F32 [3, 1] on Cpu, target is F32 [3] on Cpu, expected one shape"
    );
    assert_eq!(
        message(LOSSES[1].of(&zeros(&[0]), &zeros(&[0]))),
        "huber: prediction is F32 [0] on Cpu, target is F32 [0] on Cpu, expected at least one element"
    );
    assert_eq!(
        message(LOSSES[2].of(&zeros(&[3, 2]), &zeros(&[3, 1]))),
        "pinball: prediction is F32 [3, 2] on Cpu, target is F32 [3, 1] on Cpu, \
         expected a prediction with 3 times the target's last axis"
    );
    for delta in [0., -1., f64::NAN, f64::INFINITY] {
        let error = message(Loss::Huber { delta }.of(&zeros(&[2]), &zeros(&[2])));
        assert_eq!(error, format!("huber: delta is {delta}, expected a finite number above 0"));
    }
}
