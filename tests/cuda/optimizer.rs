//! AdamW on CUDA against AdamW on the CPU, which `optimizer.rs` holds against PyTorch.

use crate::compare::{Tolerance, assert_close, values};
use crate::error::first_line;
use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::Optimizer;
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use taper::optim::{AdamW, AdamWConfig};

fn random(rng: &mut ChaCha8Rng, shape: &[usize], dtype: DType) -> Tensor {
    let x: Vec<f64> = (0..shape.iter().product()).map(|_| rng.random_range(-1. ..1.)).collect();
    Tensor::from_vec(x, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

/// The parameters and moments after ten steps on `device`.
fn ten_steps(device: &Device, shapes: &[&[usize]], dtype: DType) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut draw = |shape: &[usize]| random(&mut rng, shape, dtype).to_device(device).unwrap();
    let vars: Vec<_> = shapes.iter().map(|shape| Var::from_tensor(&draw(shape)).unwrap()).collect();
    let config = AdamWConfig { lr: 1e-2, weight_decay: 0.1, ..AdamWConfig::default() };
    let mut optimizer = AdamW::new(vars.clone(), config).unwrap();
    for step in 0..10 {
        let mut grads = GradStore::default();
        // The second parameter has no gradient in every third step.
        for (_, var) in vars.iter().enumerate().filter(|&(k, _)| k != 1 || step % 3 != 2) {
            grads.insert(var, draw(var.dims()));
        }
        optimizer.step(&grads).unwrap();
    }
    let moments = optimizer.state().unwrap().into_iter().flat_map(|s| [s.first_moment, s.second_moment]);
    vars.iter().map(|var| var.as_tensor().clone()).chain(moments).flat_map(|x| values(&x)).collect()
}

#[test]
fn every_dtype_and_size_is_updated_as_on_the_cpu() {
    let gpu = Device::new_cuda(0).unwrap();
    let shapes: [&[usize]; 12] =
        [&[3], &[1], &[], &[2, 4], &[7], &[8], &[9], &[31], &[33], &[16, 16], &[257], &[0]];
    for (dtype, rtol) in [(DType::F64, 1e-13), (DType::F32, 1e-6), (DType::F16, 2e-3), (DType::BF16, 1e-2)] {
        let (cuda, cpu) = (ten_steps(&gpu, &shapes, dtype), ten_steps(&Device::Cpu, &shapes, dtype));
        assert_close(&format!("{dtype:?}"), &cuda, &cpu, Tolerance { rtol, atol: rtol / 10. });
    }
}

#[test]
fn half_parameters_have_moments_in_single_precision() {
    let gpu = Device::new_cuda(0).unwrap();
    crate::half_moments::small_gradients_move_as_by_pytorch(&gpu);
    crate::half_moments::moments_of_a_constant_gradient_are_their_closed_form(&gpu);
}

/// More elements than the largest grid has threads.
#[test]
fn a_large_parameter_is_updated_as_on_the_cpu() {
    let gpu = Device::new_cuda(0).unwrap();
    let shapes: [&[usize]; 1] = [&[4096 * 256 * 4 + 4099]];
    let (cuda, cpu) = (ten_steps(&gpu, &shapes, DType::F32), ten_steps(&Device::Cpu, &shapes, DType::F32));
    assert_close("large", &cuda, &cpu, Tolerance { rtol: 1e-6, atol: 1e-7 });
}

/// Gradients that are views, and parameters that are views of a longer storage.
#[test]
fn views_are_updated_as_on_the_cpu() {
    let run = |device: &Device| {
        let all = Tensor::arange(0f32, 24., device).unwrap().reshape((4, 6)).unwrap();
        let var = Var::from_tensor(&all.narrow(0, 1, 2).unwrap()).unwrap();
        let mut optimizer = AdamW::new(vec![var.clone()], AdamWConfig::default()).unwrap();
        let transposed = all.t().unwrap().narrow(0, 1, 2).unwrap().narrow(1, 0, 2).unwrap();
        let grad = Tensor::cat(&[&transposed, &transposed, &transposed], 1).unwrap();
        for grad in [grad.clone(), all.narrow(0, 2, 2).unwrap(), var.as_tensor().clone()] {
            let mut grads = GradStore::default();
            grads.insert(&var, grad);
            optimizer.step(&grads).unwrap();
        }
        values(&var)
    };
    let close = Tolerance { rtol: 1e-6, atol: 0. };
    assert_close("views", &run(&Device::new_cuda(0).unwrap()), &run(&Device::Cpu), close);
}

#[test]
fn a_gradient_elsewhere_is_refused() {
    let gpu = Device::new_cuda(0).unwrap();
    let var = Var::zeros(3, DType::F32, &gpu).unwrap();
    let mut optimizer = AdamW::new(vec![var.clone()], AdamWConfig::default()).unwrap();
    for grad in [
        Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap(),
        Tensor::zeros(4, DType::F32, &gpu).unwrap(),
        Tensor::zeros(3, DType::F64, &gpu).unwrap(),
    ] {
        let mut grads = GradStore::default();
        grads.insert(&var, grad);
        let error = first_line(&optimizer.step(&grads).unwrap_err());
        assert!(error.contains("expected the same on one device"), "{error}");
    }
}
