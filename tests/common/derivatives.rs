//! Derivatives of the operations, of second and higher order.

use candle_core::{Device, Error, Result, Tensor, Var};
use taper::ops::{
    Quantiles, TieGrad, cos, gelu, huber, log_softmax, mae, maximum_with, mish, mul, pinball, relu, silu,
    softmax,
};

use crate::compare::{Tolerance, assert_close, values};

/// Exact up to rounding in double precision.
const F64: Tolerance = Tolerance { rtol: 1e-13, atol: 1e-14 };

/// The gradient of the sum of `y` weighted by `upstream`, itself differentiable.
fn grad(y: &Tensor, upstream: &Tensor, x: &Tensor) -> Result<Tensor> {
    let grads = (y * upstream)?.sum_all()?.backward()?;
    grads.get(x).cloned().ok_or_else(|| Error::Msg("no gradient".to_owned()))
}

fn hold(what: &str, x: &Tensor, expected: impl Fn(usize) -> f64) {
    let expected: Vec<f64> = (0..x.elem_count()).map(expected).collect();
    assert_close(what, &on_cpu(x), &expected, F64);
}

fn on_cpu(x: &Tensor) -> Vec<f64> {
    values(&x.to_device(&Device::Cpu).unwrap())
}

/// The smooth activations to the third order, at x and far out.
fn smooth_activations(x: &Var, [u, v, w]: [&Tensor; 3]) -> Result<()> {
    type Function = (&'static str, fn(&Tensor) -> Result<Tensor>, fn(f64) -> [f64; 3]);
    let functions: [Function; 3] =
        [("silu", silu, silu_by_hand), ("mish", mish, mish_by_hand), ("gelu", gelu, gelu_by_hand)];
    let at = |t: &Tensor, i: usize| on_cpu(t)[i];
    for (name, function, by_hand) in functions {
        let first = grad(&function(x)?, u, x)?;
        hold(&format!("d {name}"), &first, |i| by_hand(at(x, i))[0] * at(u, i));
        let second = grad(&first, v, x)?;
        hold(&format!("d2 {name}"), &second, |i| by_hand(at(x, i))[1] * at(u, i) * at(v, i));
        let third = grad(&second, w, x)?;
        hold(&format!("d3 {name}"), &third, |i| by_hand(at(x, i))[2] * at(u, i) * at(v, i) * at(w, i));
        // Where the function is a line, up to what numbers can hold.
        let far = Var::new(&[1e30f64, -1e30, 500.], x.device())?;
        let curvature = grad(&grad(&function(&far)?, u, &far)?, v, &far)?;
        hold(&format!("d2 {name}, far out"), &curvature, |_| 0.);
    }
    Ok(())
}

/// Softmax to the third order, and along its upstream gradient: of two elements, of which the first has the
/// share s(d) for the logistic function s of their difference d.
fn softmaxes(device: &Device) -> Result<()> {
    let x = Var::new(&[[0.3f64, -1.2]], device)?;
    let weights = [[[0.7f64, -1.3]], [[-0.2, 0.9]], [[1.4, 0.6]]].map(|w| Tensor::new(&w, device));
    let [u, v, w] = weights;
    let (u, v, w) = (u?, v?, w?);
    let difference = |t: &Tensor| on_cpu(t)[0] - on_cpu(t)[1];
    let s = 1. / (1. + (-difference(&x)).exp());
    let d1 = s * (1. - s);
    let d2 = d1 * (1. - 2. * s);
    let d3 = d2 * (1. - 2. * s) - 2. * d1 * d1;
    let signed = |i: usize, x: f64| if i == 0 { x } else { -x };
    let (of_u, of_v, of_w) = (difference(&u), difference(&v), difference(&w));

    let g = Var::from_tensor(&u)?;
    let first = grad(&softmax(&x, 1)?, &g, &x)?;
    hold("d softmax", &first, |i| signed(i, d1 * of_u));
    let second = grad(&first, &v, &x)?;
    hold("d2 softmax", &second, |i| signed(i, d2 * of_u * of_v));
    hold("d3 softmax", &grad(&second, &w, &x)?, |i| signed(i, d3 * of_u * of_v * of_w));
    hold("d(d softmax)/dg", &grad(&first, &v, &g)?, |i| signed(i, d1 * of_v));

    // The logarithm of the share is d less its softplus, and that of the other one is less the softplus
    // alone.
    let sum = on_cpu(&u)[0] + on_cpu(&u)[1];
    let first = grad(&log_softmax(&x, 1)?, &g, &x)?;
    hold("d log_softmax", &first, |i| signed(i, on_cpu(&u)[0] - s * sum));
    let second = grad(&first, &v, &x)?;
    hold("d2 log_softmax", &second, |i| signed(i, -d1 * sum * of_v));
    hold("d3 log_softmax", &grad(&second, &w, &x)?, |i| signed(i, -d2 * sum * of_v * of_w));
    hold("d(d log_softmax)/dg", &grad(&first, &v, &g)?, |i| {
        on_cpu(&v)[i] - s * on_cpu(&v)[0] - (1. - s) * on_cpu(&v)[1]
    });
    Ok(())
}

/// The first three derivatives of x s(x) for the logistic function s.
fn silu_by_hand(x: f64) -> [f64; 3] {
    let s = 1. / (1. + (-x).exp());
    let d1 = s * (1. - s);
    let d2 = d1 * (1. - 2. * s);
    let d3 = d2 * (1. - 2. * s) - 2. * d1 * d1;
    [s + x * d1, 2. * d1 + x * d2, 3. * d2 + x * d3]
}

/// The first three derivatives of x tanh(y) for y = log(1 + exp(x)).
fn mish_by_hand(x: f64) -> [f64; 3] {
    let y1 = 1. / (1. + (-x).exp());
    let y2 = y1 * (1. - y1);
    let y3 = y2 * (1. - 2. * y1);
    let t = x.exp().ln_1p().tanh();
    // The derivatives of tanh at y.
    let t1 = 1. - t * t;
    let t2 = -2. * t * t1;
    let t3 = -2. * t1 * t1 - 2. * t * t2;
    let d1 = t1 * y1;
    let d2 = t2 * y1 * y1 + t1 * y2;
    let d3 = t3 * y1.powi(3) + 3. * t2 * y1 * y2 + t1 * y3;
    [t + x * d1, 2. * d1 + x * d2, 3. * d2 + x * d3]
}

/// The first three derivatives of x P(x) for the standard normal distribution function P.
fn gelu_by_hand(x: f64) -> [f64; 3] {
    let distribution = 0.5 * (1. + candle_core::cpu::erf::erf_f64(x / 2f64.sqrt()));
    let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    [distribution + x * density, density * (2. - x * x), density * x * (x * x - 4.)]
}

/// Holds the derivatives of the operations on `device`, up to the fifth order, against closed forms.
///
/// For processes in which Candle keeps the graph of the backward.
pub fn check(device: &Device) -> Result<()> {
    let x = Var::new(&[0.3f64, -1.2, 2.5], device)?;
    let y = Var::new(&[1.1f64, -1.2, -0.4], device)?;
    let u = Tensor::new(&[0.7f64, -1.3, 0.4], device)?;
    let v = Tensor::new(&[-0.2f64, 0.9, 1.7], device)?;
    let w = Tensor::new(&[1.4f64, 0.6, -0.8], device)?;
    let at = |t: &Tensor, i: usize| on_cpu(t)[i];

    let first = grad(&cos(&x)?, &u, &x)?;
    hold("d cos", &first, |i| -at(&x, i).sin() * at(&u, i));
    let second = grad(&first, &v, &x)?;
    hold("d2 cos", &second, |i| -at(&x, i).cos() * at(&u, i) * at(&v, i));
    let third = grad(&second, &w, &x)?;
    hold("d3 cos", &third, |i| at(&x, i).sin() * at(&u, i) * at(&v, i) * at(&w, i));
    // All four functions have had their turn after the fourth, and the fifth is the first again.
    let fourth = grad(&third, &u, &x)?;
    hold("d4 cos", &fourth, |i| at(&x, i).cos() * at(&u, i).powi(2) * at(&v, i) * at(&w, i));
    let fifth = grad(&fourth, &v, &x)?;
    hold("d5 cos", &fifth, |i| -at(&x, i).sin() * (at(&u, i) * at(&v, i)).powi(2) * at(&w, i));

    // The derivative along the upstream gradient: of -sin(x) g along g.
    let g = Var::from_tensor(&u)?;
    let first = grad(&cos(&x)?, &g, &x)?;
    hold("d(d cos)/dg", &grad(&first, &v, &g)?, |i| -at(&x, i).sin() * at(&v, i));

    smooth_activations(&x, [&u, &v, &w])?;
    softmaxes(device)?;

    let first = grad(&mul(&x, &y)?, &u, &x)?;
    hold("d(xy)/dx", &first, |i| at(&y, i) * at(&u, i));
    hold("d2(xy)/dxdy", &grad(&first, &v, &y)?, |i| at(&u, i) * at(&v, i));

    // max is piecewise linear: its gradient is linear in g, and has no derivative along x or y. (1) is a tie.
    for (tie, share) in [(TieGrad::Split, 0.5), (TieGrad::First, 1.), (TieGrad::Second, 0.)] {
        let first = grad(&maximum_with(&x, &y, tie)?, &g, &x)?;
        hold("d max/dx", &first, |i| [0., share, 1.][i] * at(&u, i));
        let grads = (&first * &v)?.sum_all()?.backward()?;
        let along_g = grads.get(&g).ok_or_else(|| Error::Msg("no gradient".to_owned()))?;
        hold("d(d max/dx)/dg", along_g, |i| [0., share, 1.][i] * at(&v, i));
        assert!(grads.get(&x).is_none() && grads.get(&y).is_none());
    }

    // Means of n = 3 terms: the differences are -0.8, 0 and 2.9.
    let d = |i| at(&x, i) - at(&y, i);
    let sign = |i: usize| if d(i) == 0. { 0. } else { d(i).signum() };
    let one = Tensor::new(1f64, device)?;
    hold("d mae", &grad(&mae(&x, &y)?, &one, &x)?, |i| sign(i) / 3.);
    let first = grad(&huber(&x, &y, 1.)?, &one, &x)?;
    hold("d huber/dx", &first, |i| d(i).clamp(-1., 1.) / 3.);
    hold("d2 huber/dx2", &grad(&first, &v, &x)?, |i| [1., 1., 0.][i] * at(&v, i) / 3.);
    hold("d2 huber/dxdy", &grad(&first, &v, &y)?, |i| [-1., -1., 0.][i] * at(&v, i) / 3.);
    // The only quantile is half of it.
    let half = Quantiles::new(&[0.5])?;
    hold("d pinball", &grad(&pinball(&x, &y, &half)?, &one, &x)?, |i| sign(i) / 6.);
    // Of the square of the mean |d|, which has a second derivative.
    let z = mae(&x, &y)?;
    let first = grad(&mul(&z, &z)?, &one, &x)?;
    let (size, along) = (3.7 / 3., (0..3).map(|i| sign(i) * at(&v, i)).sum::<f64>() / 3.);
    hold("d mae^2/dx", &first, |i| 2. * size * sign(i) / 3.);
    hold("d2 mae^2/dx2", &grad(&first, &v, &x)?, |i| 2. * along * sign(i) / 3.);

    // A function whose second derivative is not diagonal in the operations: f = relu(x)^2 cos(y).
    let f = mul(&mul(&relu(&x)?, &relu(&x)?)?, &cos(&y)?)?;
    let first = grad(&f, &u, &x)?;
    hold("d f/dx", &first, |i| 2. * at(&x, i).max(0.) * at(&y, i).cos() * at(&u, i));
    let mixed = grad(&first, &v, &y)?;
    hold("d2 f/dxdy", &mixed, |i| -2. * at(&x, i).max(0.) * at(&y, i).sin() * at(&u, i) * at(&v, i));
    Ok(())
}
