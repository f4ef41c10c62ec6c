//! The optimiser against PyTorch and Candle.

use crate::compare::{Tolerance, assert_close, values};
use crate::error::first_line;
use crate::reference::{array, number, numbers, reference};
use crate::tensors::shaped;
use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::Optimizer;
use serde_json::Value;
use taper::optim::{AdamW, AdamWConfig};

pub const TIGHT: Tolerance = Tolerance { rtol: 1e-12, atol: 1e-14 };

/// The gradients of step `step` of a case of `adamw.json`; every third step the second parameter has none.
pub fn grads_at(case: &Value, vars: &[Var], step: usize) -> GradStore {
    let mut grads = GradStore::default();
    for (k, var) in vars.iter().enumerate().filter(|&(k, _)| k == 0 || step % 3 != 2) {
        let len = var.elem_count();
        let grad = &numbers(&case["grads"][k])[step * len..(step + 1) * len];
        grads.insert(var, Tensor::from_slice(grad, var.shape(), &Device::Cpu).unwrap());
    }
    grads
}

pub fn start(case: &Value) -> Vec<Var> {
    let shapes: [&[usize]; 2] = [&[3, 4], &[5]];
    let start = array(&case["start"]).iter().zip(shapes);
    start.map(|(x, shape)| Var::from_tensor(&shaped(x, shape, DType::F64)).unwrap()).collect()
}

pub fn adamw(vars: &[Var], case: &Value) -> AdamW {
    let config =
        AdamWConfig { lr: 1e-2, weight_decay: number(&case["weight_decay"]), ..AdamWConfig::default() };
    AdamW::new(vars.to_vec(), config).unwrap()
}

#[test]
fn adamw_agrees_with_pytorch() {
    for case in array(&reference("adamw.json")) {
        let vars = start(case);
        let mut optimizer = adamw(&vars, case);
        for step in 0..100 {
            optimizer.step(&grads_at(case, &vars, step)).unwrap();
        }
        for (k, (var, state)) in vars.iter().zip(optimizer.state().unwrap()).enumerate() {
            let what = format!("decay {}, parameter {k}", case["weight_decay"]);
            assert_eq!(u64::from(state.steps), case["steps"][k].as_u64().unwrap(), "{what}: steps");
            assert_close(&what, &values(var), &numbers(&case["end"][k]), TIGHT);
            for (name, moment) in
                [("first_moment", &state.first_moment), ("second_moment", &state.second_moment)]
            {
                assert_close(&format!("{what}: {name}"), &values(moment), &numbers(&case[name][k]), TIGHT);
            }
        }
    }
}

/// Candle's AdamW counts steps globally, so it agrees on the parameter that has a gradient in every step.
#[test]
fn adamw_agrees_with_candle() {
    for case in array(&reference("adamw.json")) {
        let (ours, theirs) = (start(case), start(case));
        let mut optimizer = adamw(&ours, case);
        let config = optimizer.config();
        let mut candle = candle_nn::AdamW::new(
            theirs.clone(),
            candle_nn::ParamsAdamW {
                lr: config.lr,
                beta1: config.beta1,
                beta2: config.beta2,
                eps: config.eps,
                weight_decay: config.weight_decay,
            },
        )
        .unwrap();
        for step in 0..100 {
            optimizer.step(&grads_at(case, &ours, step)).unwrap();
            candle.step(&grads_at(case, &theirs, step)).unwrap();
        }
        assert_close("candle_nn::AdamW", &values(&ours[0]), &values(&theirs[0]), TIGHT);
    }
}

#[test]
fn half_parameters_have_moments_in_single_precision() {
    crate::half_moments::small_gradients_move_as_by_pytorch(&Device::Cpu);
    crate::half_moments::moments_of_a_constant_gradient_are_their_closed_form(&Device::Cpu);
}

#[test]
fn adamw_takes_what_pytorch_takes() {
    let refused = |change: fn(&mut AdamWConfig)| {
        let mut config = AdamWConfig::default();
        change(&mut config);
        first_line(&AdamW::new(vec![], config).unwrap_err())
    };
    assert_eq!(refused(|c| c.lr = -1.), "AdamW: lr is -1, expected a finite number of 0 or more");
    assert_eq!(refused(|c| c.lr = f64::NAN), "AdamW: lr is NaN, expected a finite number of 0 or more");
    assert_eq!(refused(|c| c.beta1 = 1.), "AdamW: beta1 is 1, expected a number from 0 to below 1");
    assert_eq!(refused(|c| c.eps = -1.), "AdamW: eps is -1, expected a finite number of 0 or more");

    // The rate can change on the way: twice the rate moves a parameter twice as far.
    let moved = |factor: f64| {
        let var = Var::new(&[0f64], &Device::Cpu).unwrap();
        let empty = Var::zeros(0, DType::F64, &Device::Cpu).unwrap();
        let mut optimizer = AdamW::new(vec![var.clone(), empty.clone()], AdamWConfig::default()).unwrap();
        optimizer.set_learning_rate(factor * optimizer.learning_rate());
        let mut grads = GradStore::default();
        grads.insert(&var, Tensor::new(&[1f64], &Device::Cpu).unwrap());
        grads.insert(&empty, empty.zeros_like().unwrap());
        optimizer.step(&grads).unwrap();
        values(&var)[0]
    };
    assert_close("twice the rate", &[moved(2.)], &[2. * moved(1.)], TIGHT);

    let integer = Var::new(&[1u32], &Device::Cpu).unwrap();
    let error = AdamW::new(vec![integer], AdamWConfig::default()).unwrap_err();
    let expected = "AdamW: parameter 0 is U32 [1], expected dtype F16, BF16, F32 or F64";
    assert_eq!(first_line(&error), expected);
}

/// Candle's `set_learning_rate` cannot fail, so the next step does.
#[test]
fn a_step_refuses_a_learning_rate_that_is_none() {
    let var = Var::new(&[1f32, 2.], &Device::Cpu).unwrap();
    let mut optimizer = AdamW::new(vec![var.clone()], AdamWConfig::default()).unwrap();
    let mut grads = GradStore::default();
    grads.insert(&var, Tensor::new(&[1f32, 1.], &Device::Cpu).unwrap());
    for rate in [f64::NAN, f64::INFINITY, -1e-3] {
        optimizer.set_learning_rate(rate);
        let error = first_line(&optimizer.step(&grads).unwrap_err());
        assert_eq!(error, format!("AdamW: lr is {rate}, expected a finite number of 0 or more"));
        assert_eq!((values(&var), optimizer.state().unwrap()[0].steps), (vec![1., 2.], 0));
    }
    optimizer.set_learning_rate(0.5);
    optimizer.step(&grads).unwrap();
    assert_close("a right rate again", &values(&var), &[0.5, 1.5], Tolerance { rtol: 1e-6, atol: 0. });
}

#[test]
fn a_variable_given_twice_is_refused() {
    let [x, y] = [(); 2].map(|()| Var::zeros((2, 3), DType::F32, &Device::Cpu).unwrap());
    let error = AdamW::new(vec![x.clone(), y.clone(), x.clone()], AdamWConfig::default()).unwrap_err();
    let expected =
        "AdamW: parameter 0 and parameter 2 are one variable, F32 [2, 3], expected each variable once";
    assert_eq!(first_line(&error), expected);
    let named =
        [("tied", &x), ("other", &y), ("weight", &x)].map(|(name, var)| (name.to_owned(), var.clone()));
    let error = AdamW::named(named, AdamWConfig::default()).unwrap_err();
    let expected = "AdamW: tied and weight are one variable, F32 [2, 3], expected each variable once";
    assert_eq!(first_line(&error), expected);
}

/// One gradient that does not fit leaves all parameters alone, those before it too.
#[test]
fn a_step_that_fails_changes_nothing() {
    let [x, y] = [(); 2].map(|()| Var::zeros(2, DType::F32, &Device::Cpu).unwrap());
    let mut optimizer = AdamW::new(vec![x.clone(), y.clone()], AdamWConfig::default()).unwrap();
    let mut grads = GradStore::default();
    grads.insert(&x, Tensor::ones(2, DType::F32, &Device::Cpu).unwrap());
    grads.insert(&y, Tensor::ones(3, DType::F32, &Device::Cpu).unwrap());
    let error = first_line(&optimizer.step(&grads).unwrap_err());
    let expected = "AdamW: the gradient of parameter 1 is F32 [3], its parameter is F32 [2], \
                    expected the same on one device";
    assert_eq!(error, expected);
    assert_eq!((values(&x), optimizer.state().unwrap()[0].steps), (vec![0., 0.], 0));
}
