//! Derivatives of second and higher order against closed forms.

use crate::derivatives;
use crate::second_order::with_second_order;
use candle_core::Device;

#[test]
fn derivatives_of_every_order_are_right() {
    with_second_order("second_derivatives::derivatives_of_every_order_are_right", || {
        derivatives::check(&Device::Cpu).unwrap();
    });
}
