//! AdamW of f16 and bf16 parameters against PyTorch and closed forms, on any device.

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

/// The parameter after each gradient of [`GRADS`] by PyTorch 1.13.1: `torch.optim.AdamW([p], lr=1e-2,
/// weight_decay=0.1)` of a `p` in f32 that starts at 1, with gradients that were rounded to the half type and
/// `p.copy_(p.to(dtype))` after each step.
#[allow(clippy::unreadable_literal, reason = "as Python prints them")]
const BY_PYTORCH: [(DType, [f64; 7]); 2] = [
    (
        DType::F16,
        [0.98876953125, 0.9775390625, 0.966796875, 0.95751953125, 0.94970703125, 0.94287109375, 0.9365234375],
    ),
    (DType::BF16, [0.98828125, 0.9765625, 0.96484375, 0.95703125, 0.94921875, 0.94140625, 0.93359375]),
];
const GRADS: [f64; 7] = [1e-3, 1e-3, 1e-3, 0., 0., -1e-5, 3e-7];

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
pub fn small_gradients_move_as_by_pytorch(device: &Device) {
    let config = AdamWConfig { lr: 1e-2, weight_decay: 0.1, ..AdamWConfig::default() };
    for (dtype, expected) in BY_PYTORCH {
        // More than a vector of elements, and a rest.
        let start = Tensor::ones(19, dtype, device).unwrap();
        let (ours, _) = by_adamw(&Var::from_tensor(&start).unwrap(), GRADS, &config);
        // Rounding to the half type hides that of f32, unless it comes to lie between two of its numbers.
        let close = Tolerance { rtol: 0., atol: 0. };
        for (step, (ours, expected)) in ours.iter().zip(expected).enumerate() {
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
