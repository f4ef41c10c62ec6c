//! Sums of 2^20 terms.

use candle_core::{DType, Device, Tensor, Var};
use taper::ops::linear;

use crate::compare::{Tolerance, assert_close, values};
use crate::long_sums::{bias_gradients_of_many_rows, gradients_of_operands_that_are_broadcast};

#[test]
fn a_bias_gradient_of_many_rows_is_right() {
    bias_gradients_of_many_rows(&Device::Cpu);
}

#[test]
fn a_gradient_of_what_was_broadcast_to_many_rows_is_right() {
    gradients_of_operands_that_are_broadcast(&Device::Cpu);
}

/// A row of 2^20 features times a weight, and the gradient of a weight from 2^20 rows, against `f64`.
#[test]
fn products_of_many_terms_are_right() {
    const LEN: usize = 1 << 20;
    let (device, close) = (&Device::Cpu, Tolerance { rtol: 1e-6, atol: 0. });
    // Numbers of many sizes and one sign, so that the sum is large.
    let numbers: Vec<f64> = (0..LEN).map(|i| f64::from((i * 77_773 % LEN) as f32 / LEN as f32)).collect();
    let expected = numbers.iter().map(|x| x * f64::from(0.1f32)).sum::<f64>();
    let numbers =
        Tensor::from_vec(numbers.iter().map(|&x| x as f32).collect::<Vec<_>>(), LEN, device).unwrap();
    let row = |n: usize| Tensor::full(0.1f32, (n, LEN), device).unwrap();
    for outputs in [1, 2] {
        let y = linear(&numbers.reshape((1, LEN)).unwrap(), &row(outputs), None).unwrap();
        assert_close(&format!("{outputs} outputs"), &values(&y), &vec![expected; outputs], close);

        let weight = Var::zeros((outputs, 1), DType::F32, device).unwrap();
        let x = numbers.reshape((LEN, 1)).unwrap();
        let y = linear(&x, &weight, None).unwrap();
        let loss = (y * f64::from(0.1f32)).unwrap().sum_all().unwrap();
        let grads = loss.backward().unwrap();
        let what = format!("the weight of {outputs} outputs");
        assert_close(&what, &values(grads.get(&weight).unwrap()), &vec![expected; outputs], close);
    }
}
