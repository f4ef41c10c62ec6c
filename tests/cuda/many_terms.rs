//! Sums over 2^20 rows by taper's own kernels; in products cuBLAS adds up.

use candle_core::Tensor;
use taper::ops::mse;

use crate::compare::{Tolerance, assert_close, values};
use crate::long_sums::{bias_gradients_of_many_rows, gradients_of_operands_that_are_broadcast};
use crate::parity::gpu;

#[test]
fn a_bias_gradient_of_many_rows_is_right() {
    bias_gradients_of_many_rows(&gpu());
}

#[test]
fn a_gradient_of_what_was_broadcast_to_many_rows_is_right() {
    gradients_of_operands_that_are_broadcast(&gpu());
}

#[test]
fn a_loss_of_many_rows_is_right() {
    let prediction = Tensor::full(0.1f32, (1 << 20, 1), &gpu()).unwrap();
    let loss = mse(&prediction, &prediction.zeros_like().unwrap()).unwrap();
    let close = Tolerance { rtol: 1e-7, atol: 0. };
    assert_close("the loss", &values(&loss), &[f64::from(0.1f32).powi(2)], close);
}
