//! Softmax against the same made of Candle's operations, in every dtype, layout and axis.

use candle_core::{D, DType, Device, Result, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Form, apply, log_softmax, softmax, softmax_last_dim};
use crate::ops::testing::{View, assert_close, eighths, message, results, tolerance, values};

fn by_candle(form: Form, x: &Tensor, dim: usize) -> Result<Tensor> {
    match form {
        Form::Probabilities => candle_nn::ops::softmax(x, dim),
        Form::Logarithms => candle_nn::ops::log_softmax(x, dim),
    }
}

#[test]
fn values_and_gradients_equal_candles() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        for shape in [[7].as_slice(), &[1, 16], &[5, 17], &[33, 3], &[3, 2, 33], &[2, 70, 40]] {
            for (form, dim) in
                Form::ALL.into_iter().flat_map(|form| (0..shape.len()).map(move |dim| (form, dim)))
            {
                for view in View::ALL {
                    let view = if shape.len() == 1 { View::Contiguous } else { view };
                    let views = [(view, shape.to_vec())];
                    let bases = [eighths(&view.base(shape), &mut rng)];
                    let upstream = eighths(shape, &mut rng);
                    // The gradient of a repeated row is a sum whose terms cancel.
                    let terms = if view == View::Repeated { 128 } else { 16 };
                    let ours = results(|x| apply(form, &x[0], dim), &bases, &views, dtype, &upstream);
                    let candles =
                        results(|x| by_candle(form, &x[0], dim), &bases, &views, DType::F64, &upstream);
                    for (part, (ours, candles)) in ours.iter().zip(&candles).enumerate() {
                        let what = format!("{form:?} {shape:?} along {dim} {view:?} {dtype:?}: {part}");
                        assert_close(&what, ours, candles, tolerance(dtype, terms));
                    }
                }
            }
        }
    }
}

/// Enough for several threads, of which each slice's result is independent.
#[test]
fn a_slice_is_the_same_alone_and_among_many() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let x = eighths(&[700, 130], &mut rng).to_dtype(DType::F32).unwrap();
    for form in Form::ALL {
        let [of_rows, of_columns] = [1, 0].map(|dim| apply(form, &x, dim).unwrap());
        for i in [0, 1, 129, 699] {
            let row = apply(form, &x.narrow(0, i, 1).unwrap(), 1).unwrap();
            assert_eq!(values(&row), values(&of_rows.narrow(0, i, 1).unwrap()), "{form:?} row {i}");
        }
        let several = x.reshape((7, 100, 130)).unwrap();
        let all = apply(form, &several, 1).unwrap();
        let last = apply(form, &several.get(6).unwrap(), 0).unwrap();
        assert_eq!(values(&last), values(&all.get(6).unwrap()), "{form:?}");
        let column = apply(form, &x.narrow(1, 129, 1).unwrap(), 0).unwrap();
        let expected = values(&of_columns.narrow(1, 129, 1).unwrap());
        assert_close("column", &values(&column), &expected, tolerance(DType::F32, 1));
    }
}

#[test]
fn large_numbers_do_not_overflow() {
    for scale in [1e4, 1e30, 3e38] {
        let x = Tensor::new(&[[1f32, 1., -1.], [-1., -1., 1.]], &Device::Cpu).unwrap();
        let x = (x * scale).unwrap();
        let z = values(&softmax_last_dim(&x).unwrap());
        assert_eq!(z, [0.5, 0.5, 0., 0., 0., 1.], "{scale}");
        let z = values(&softmax(&x, 0).unwrap());
        assert_eq!(z, [1., 1., 0., 0., 0., 1.], "{scale}");
        let z = values(&log_softmax(&x, 0).unwrap());
        let down = f64::from((-scale as f32) - scale as f32);
        assert_eq!(z, [0., 0., down, down, down, 0.], "{scale}");
    }
}

/// As PyTorch: a masked element has no share, and where all are masked nothing is known.
#[test]
fn infinities_and_nan_are_pytorchs() {
    let [nan, infinity] = [f64::NAN, f64::INFINITY];
    for dtype in [DType::F32, DType::F64, DType::BF16] {
        for (x, shares, logarithms) in [
            ([-infinity, 2., 2.], [0., 0.5, 0.5], [-infinity, -2f64.ln(), -2f64.ln()]),
            ([-infinity, -infinity, 7.], [0., 0., 1.], [-infinity, -infinity, 0.]),
            ([-infinity; 3], [nan; 3], [nan; 3]),
            ([1., infinity, 2.], [nan; 3], [nan; 3]),
            ([1., nan, 2.], [nan; 3], [nan; 3]),
        ] {
            let x = Tensor::new(&x, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            for x in [x.unsqueeze(0).unwrap(), x.reshape((3, 1)).unwrap().broadcast_as((3, 2)).unwrap()] {
                let dim = usize::from(x.dims()[0] == 1);
                let first = |z: Result<Tensor>| values(&z.unwrap().narrow(1 - dim, 0, 1).unwrap());
                let close = tolerance(dtype, 1);
                assert_close("softmax", &first(softmax(&x, dim)), &shares, close);
                assert_close("log_softmax", &first(log_softmax(&x, dim)), &logarithms, close);
            }
        }
    }
}

#[test]
fn no_elements_give_no_elements() {
    for shape in [[0, 3].as_slice(), &[3, 0], &[2, 0, 3], &[0]] {
        let x = Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        for dim in 0..shape.len() {
            assert_eq!(softmax(&x, dim).unwrap().dims(), shape);
            assert_eq!(log_softmax(&x, dim).unwrap().dims(), shape);
        }
        assert_eq!(softmax_last_dim(&x).unwrap().dims(), shape);
    }
}

#[test]
fn errors_name_the_operation_and_the_operand() {
    let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu).unwrap();
    let expected = "softmax: x is U32 [2] on Cpu, expected F16, BF16, F32 or F64";
    assert_eq!(message(softmax(&zeros(&[2], DType::U32), 0)), expected);
    let expected = "log_softmax: dimension index 2 out of range for shape [2, 3]";
    assert_eq!(message(log_softmax(&zeros(&[2, 3], DType::F32), 2)), expected);
    let expected = "softmax: dimension index -3 out of range for shape [2, 3]";
    assert_eq!(message(softmax(&zeros(&[2, 3], DType::F32), D::Minus(3))), expected);
    let expected = "softmax: dimension index -1 out of range for shape []";
    assert_eq!(message(softmax_last_dim(&zeros(&[], DType::F32))), expected);
}
