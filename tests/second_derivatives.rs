//! Derivatives of second and higher order against closed forms.

mod common;

use candle_core::Device;
use common::{derivatives, with_second_order};

#[test]
fn derivatives_of_every_order_are_right() {
    with_second_order("derivatives_of_every_order_are_right", || derivatives::check(&Device::Cpu).unwrap());
}
