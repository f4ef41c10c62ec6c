//! The optimiser against PyTorch and Candle.

use crate::compare::{Tolerance, assert_close, values};
use crate::error::first_line;
use crate::reference::{array, number, numbers, reference};
use crate::tensors::shaped;
use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::Optimizer;
use serde_json::Value;
use taper::optim::{AdamW, AdamWConfig, AdamWState};

const TIGHT: Tolerance = Tolerance { rtol: 1e-12, atol: 1e-14 };

/// The gradients of step `step` of a case of `adamw.json`; every third step the second parameter has none.
fn grads_at(case: &Value, vars: &[Var], step: usize) -> GradStore {
    let mut grads = GradStore::default();
    for (k, var) in vars.iter().enumerate().filter(|&(k, _)| k == 0 || step % 3 != 2) {
        let len = var.elem_count();
        let grad = &numbers(&case["grads"][k])[step * len..(step + 1) * len];
        grads.insert(var, Tensor::from_slice(grad, var.shape(), &Device::Cpu).unwrap());
    }
    grads
}

fn start(case: &Value) -> Vec<Var> {
    let shapes: [&[usize]; 2] = [&[3, 4], &[5]];
    let start = array(&case["start"]).iter().zip(shapes);
    start.map(|(x, shape)| Var::from_tensor(&shaped(x, shape, DType::F64)).unwrap()).collect()
}

fn adamw(vars: &[Var], case: &Value) -> AdamW {
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
fn adamw_goes_on_from_a_restored_state() {
    let cases = reference("adamw.json");
    let case = &cases[1];
    let vars = start(case);
    let mut first = adamw(&vars, case);
    for step in 0..50 {
        first.step(&grads_at(case, &vars, step)).unwrap();
    }
    let mut second = adamw(&vars, case);
    second.load_state(first.state().unwrap()).unwrap();
    for step in 50..100 {
        second.step(&grads_at(case, &vars, step)).unwrap();
    }
    for (k, var) in vars.iter().enumerate() {
        assert_close("restored", &values(var), &numbers(&case["end"][k]), TIGHT);
    }

    let error = second.load_state(first.state().unwrap()[..1].to_vec()).unwrap_err().to_string();
    assert!(error.contains("the state has 1 parameters, expected 2"), "{error}");
    let mut swapped = first.state().unwrap();
    swapped.reverse();
    let error = second.load_state(swapped).unwrap_err().to_string();
    assert!(error.contains("a moment of parameter 0 is F64 [5], expected F64 [3, 4]"), "{error}");

    // Moments that are variables, as a checkpoint may hold them, leave no graph behind.
    let as_variable = |moment: &Tensor| Var::from_tensor(&moment.copy().unwrap()).unwrap().into_inner();
    let states = first.state().unwrap().into_iter().map(|state| AdamWState {
        steps: state.steps,
        first_moment: as_variable(&state.first_moment),
        second_moment: as_variable(&state.second_moment),
    });
    second.load_state(states.collect()).unwrap();
    second.step(&grads_at(case, &vars, 0)).unwrap();
    assert!(
        second
            .state()
            .unwrap()
            .iter()
            .all(|state| !state.first_moment.track_op() && !state.second_moment.track_op())
    );
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
    assert!(AdamW::new(vec![integer], AdamWConfig::default()).is_err());
}
