//! AdamW of f16 and bf16 parameters against what its definition gives, on any device.

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::Optimizer;
use taper::optim::{AdamW, AdamWConfig};

use crate::compare::{Tolerance, assert_close, values};

/// `x` rounded to `dtype`.
fn rounded(x: f64, dtype: DType) -> f64 {
    let x = Tensor::new(&[x], &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
    values(&x)[0]
}

/// The parameter after each gradient, by the definition of Loshchilov and Hutter in f64, in which only the
/// parameter is rounded to `dtype`: PyTorch's result with moments in f32, up to the rounding of f32.
fn by_definition(start: f64, grads: &[f64], dtype: DType, config: &AdamWConfig) -> Vec<f64> {
    let AdamWConfig { lr, beta1, beta2, eps, weight_decay } = *config;
    let (mut p, mut m, mut v) = (start, 0., 0.);
    let step = |(t, &g): (i32, &f64)| {
        m = beta1 * m + (1. - beta1) * g;
        v = beta2 * v + (1. - beta2) * g * g;
        let (m_hat, v_hat) = (m / (1. - beta1.powi(t)), v / (1. - beta2.powi(t)));
        p = rounded(p - lr * weight_decay * p - lr * m_hat / (v_hat.sqrt() + eps), dtype);
        p
    };
    (1..).zip(grads).map(step).collect()
}

/// The parameters after each gradient, which all of them get.
fn by_adamw(
    start: &Var,
    grads: impl IntoIterator<Item = f64>,
    config: &AdamWConfig,
) -> (Vec<Vec<f64>>, AdamW) {
    let mut optimizer = AdamW::new(vec![start.clone()], config.clone()).unwrap();
    let mut after = Vec::new();
    for grad in grads {
        let mut store = GradStore::default();
        let grad = Tensor::full(grad, start.shape(), &Device::Cpu).unwrap();
        store.insert(start, grad.to_dtype(start.dtype()).unwrap().to_device(start.device()).unwrap());
        optimizer.step(&store).unwrap();
        after.push(values(start));
    }
    (after, optimizer)
}

/// The square of a gradient of 1e-3 is hardly a number of f16 and its thousandth part is none.
pub fn small_gradients_move_as_defined(device: &Device) {
    let config = AdamWConfig { lr: 1e-2, weight_decay: 0.1, ..AdamWConfig::default() };
    for (dtype, spacing) in [(DType::F16, 2f64.powi(-11)), (DType::BF16, 2f64.powi(-8))] {
        let grads: Vec<f64> =
            [1e-3, 1e-3, 1e-3, 0., 0., -1e-5, 3e-7].iter().map(|&g| rounded(g, dtype)).collect();
        // More than a vector of elements, and a rest.
        let start = Tensor::ones(19, dtype, device).unwrap();
        let (ours, _) = by_adamw(&Var::from_tensor(&start).unwrap(), grads.iter().copied(), &config);
        for (step, (ours, expected)) in ours.iter().zip(by_definition(1., &grads, dtype, &config)).enumerate()
        {
            // The last bit of the parameter may be rounded otherwise, since f32 is not f64.
            let close = Tolerance { rtol: 0., atol: spacing };
            assert_close(&format!("{dtype:?}, step {step}"), ours, &[expected; 19], close);
        }
    }
}

/// With a constant gradient g, m = g (1 - beta1^t) and v = g^2 (1 - beta2^t). In bf16 a change by a
/// thousandth part is rounded away, and v would stay at half of that.
pub fn moments_of_a_constant_gradient_are_their_closed_form(device: &Device) {
    let config = AdamWConfig::default();
    let steps = 3000;
    for dtype in [DType::F16, DType::BF16] {
        let grad = rounded(1e-3, dtype);
        let start = Var::zeros(9, dtype, device).unwrap();
        let (_, optimizer) = by_adamw(&start, (0..steps).map(|_| grad), &config);
        let state = &optimizer.state().unwrap()[0];
        let close = Tolerance { rtol: 1e-4, atol: 0. };
        let first = grad * (1. - config.beta1.powi(steps));
        let second = grad * grad * (1. - config.beta2.powi(steps));
        assert_close(&format!("{dtype:?}: first moment"), &values(&state.first_moment), &[first; 9], close);
        assert_close(
            &format!("{dtype:?}: second moment"),
            &values(&state.second_moment),
            &[second; 9],
            close,
        );
    }
}
