//! Derivatives of second and higher order against closed forms.
//!

mod common;

use candle_core::{Device, Error, Result, Tensor, Var};
use common::{F64, assert_close, values, with_second_order};
use taper::ops::{TieGrad, cos, maximum_with, mul, relu};

/// The gradient of the sum of `y` weighted by `upstream`, itself differentiable.
fn grad(y: &Tensor, upstream: &Tensor, x: &Tensor) -> Result<Tensor> {
    let grads = (y * upstream)?.sum_all()?.backward()?;
    grads.get(x).cloned().ok_or_else(|| Error::Msg("no gradient".to_owned()))
}

fn check(what: &str, x: &Tensor, expected: impl Fn(usize) -> f64) {
    let expected: Vec<f64> = (0..x.elem_count()).map(expected).collect();
    assert_close(what, &values(x), &expected, F64);
}

#[test]
fn derivatives_of_every_order_are_right() {
    with_second_order("derivatives_of_every_order_are_right", || derivatives().unwrap());
}

fn derivatives() -> Result<()> {
    let x = Var::new(&[0.3f64, -1.2, 2.5], &Device::Cpu)?;
    let y = Var::new(&[1.1f64, -1.2, -0.4], &Device::Cpu)?;
    let u = Tensor::new(&[0.7f64, -1.3, 0.4], &Device::Cpu)?;
    let v = Tensor::new(&[-0.2f64, 0.9, 1.7], &Device::Cpu)?;
    let w = Tensor::new(&[1.4f64, 0.6, -0.8], &Device::Cpu)?;
    let at = |t: &Tensor, i: usize| values(t)[i];

    let first = grad(&cos(&x)?, &u, &x)?;
    check("d cos", &first, |i| -at(&x, i).sin() * at(&u, i));
    let second = grad(&first, &v, &x)?;
    check("d2 cos", &second, |i| -at(&x, i).cos() * at(&u, i) * at(&v, i));
    let third = grad(&second, &w, &x)?;
    check("d3 cos", &third, |i| at(&x, i).sin() * at(&u, i) * at(&v, i) * at(&w, i));
    // All four functions have had their turn after the fourth, and the fifth is the first again.
    let fourth = grad(&third, &u, &x)?;
    check("d4 cos", &fourth, |i| at(&x, i).cos() * at(&u, i).powi(2) * at(&v, i) * at(&w, i));
    let fifth = grad(&fourth, &v, &x)?;
    check("d5 cos", &fifth, |i| -at(&x, i).sin() * (at(&u, i) * at(&v, i)).powi(2) * at(&w, i));

    // The derivative along the upstream gradient: of -sin(x) g along g.
    let g = Var::from_tensor(&u)?;
    let first = grad(&cos(&x)?, &g, &x)?;
    check("d(d cos)/dg", &grad(&first, &v, &g)?, |i| -at(&x, i).sin() * at(&v, i));

    let first = grad(&mul(&x, &y)?, &u, &x)?;
    check("d(xy)/dx", &first, |i| at(&y, i) * at(&u, i));
    check("d2(xy)/dxdy", &grad(&first, &v, &y)?, |i| at(&u, i) * at(&v, i));

    // max is piecewise linear: its gradient is linear in g, and has no derivative along x or y. (1) is a tie.
    for (tie, share) in [(TieGrad::Split, 0.5), (TieGrad::First, 1.), (TieGrad::Second, 0.)] {
        let first = grad(&maximum_with(&x, &y, tie)?, &g, &x)?;
        check("d max/dx", &first, |i| [0., share, 1.][i] * at(&u, i));
        let grads = (&first * &v)?.sum_all()?.backward()?;
        let along_g = grads.get(&g).ok_or_else(|| Error::Msg("no gradient".to_owned()))?;
        check("d(d max/dx)/dg", along_g, |i| [0., share, 1.][i] * at(&v, i));
        assert!(grads.get(&x).is_none() && grads.get(&y).is_none());
    }

    // A function whose second derivative is not diagonal in the operations: f = relu(x)^2 cos(y).
    let f = mul(&mul(&relu(&x)?, &relu(&x)?)?, &cos(&y)?)?;
    let first = grad(&f, &u, &x)?;
    check("d f/dx", &first, |i| 2. * at(&x, i).max(0.) * at(&y, i).cos() * at(&u, i));
    let mixed = grad(&first, &v, &y)?;
    check("d2 f/dxdy", &mixed, |i| -2. * at(&x, i).max(0.) * at(&y, i).sin() * at(&u, i) * at(&v, i));
    Ok(())
}
