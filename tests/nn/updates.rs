//! Clipping, penalties and averages against PyTorch.

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor};
use serde_json::Value;
use taper::optim::{AdamWConfig, OptimizerConfig, Penalised, Stateful, Updater, Updates};

use crate::compare::{Tolerance, assert_close, values};
use crate::optimizer::start;
use crate::reference::{array, number, numbers, reference};

fn updates(case: &Value) -> Updates {
    let setting = |name: &str| case.get(name).map_or(0., number);
    let bound = |name: &str| case.get(name).map_or(f64::INFINITY, number);
    let weight_decay = setting("weight_decay");
    Updates {
        optimizer: OptimizerConfig::AdamW(AdamWConfig { weight_decay, ..AdamWConfig::default() }),
        clip_value: bound("clip_value"),
        clip_norm: bound("clip_norm"),
        l2: setting("l2"),
        l1: setting("l1"),
        penalised: if case.get("penalised").is_some() { Penalised::All } else { Penalised::Weights },
        averaging: setting("averaging"),
    }
}

#[test]
fn updates_agree_with_pytorch() {
    // PyTorch's AdamW divides by a root of another rounding, and 20 steps add up.
    let close = Tolerance { rtol: 1e-11, atol: 1e-13 };
    for case in array(&reference("updates.json")) {
        let (vars, updates) = (start(case), updates(case));
        let mut updater = Updater::new(&updates, vars.clone()).unwrap();
        for step in 0..20 {
            let mut grads = GradStore::default();
            for (k, var) in vars.iter().enumerate() {
                let len = var.elem_count();
                let grad = &numbers(&case["grads"][k])[step * len..(step + 1) * len];
                grads.insert(var, Tensor::from_slice(grad, var.shape(), &Device::Cpu).unwrap());
            }
            updater.update(&mut grads, 1e-2).unwrap();
        }
        let states = updater.states().unwrap();
        for (k, (var, state)) in vars.iter().zip(&states).enumerate() {
            let what = format!("{updates:?}, parameter {k}");
            assert_close(&what, &values(var), &numbers(&case["end"][k]), close);
            assert_eq!(state.tensors.len(), updates.state_names().len());
            if updates.averages() {
                assert_close(&what, &values(&state.tensors[2]), &numbers(&case["average"][k]), close);
            }
        }
        let zeros = values(&vars[0]).iter().filter(|w| **w == 0.).count();
        assert_eq!(zeros > 0, updates.l1 > 1., "{updates:?} made {zeros} weights 0");
    }
}

#[test]
fn updates_that_make_no_sense_are_refused() {
    let adamw = || Updates::from(OptimizerConfig::AdamW(AdamWConfig::default()));
    for (updates, expected) in [
        (Updates { clip_norm: 0., ..adamw() }, "clip_norm is 0, expected a number above 0"),
        (Updates { clip_value: f64::NAN, ..adamw() }, "clip_value is NaN, expected a number above 0"),
        (Updates { l1: -1., ..adamw() }, "l1 is -1, expected a finite number of 0 or more"),
        (Updates { averaging: 1., ..adamw() }, "averaging is 1, expected a number from 0 to below 1"),
    ] {
        assert_eq!(updates.check().unwrap_err().to_string().lines().next(), Some(expected));
    }
    adamw().check().unwrap();
}
