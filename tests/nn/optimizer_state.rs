//! The state of the optimiser, saved and restored.

use std::collections::{BTreeMap, HashMap};

use crate::compare::{Tolerance, assert_close, values};
use crate::error::first_line;
use crate::optimizer::{TIGHT, adamw, grads_at, start};
use crate::reference::{numbers, reference};
use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{Optimizer, VarMap};
use taper::optim::{AdamW, AdamWConfig, AdamWState};

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
    assert!(error.contains("a moment of parameter 0 is F64 [5] on Cpu, expected F64 [3, 4]"), "{error}");

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

/// A map with eight variables of one shape and a gradient of its own for each.
fn equal_shapes() -> (VarMap, HashMap<String, f64>) {
    let (vars, mut grads) = (VarMap::new(), HashMap::new());
    for i in 0..8 {
        let (name, var) = (format!("layer.{i}.weight"), Var::zeros(3, DType::F32, &Device::Cpu).unwrap());
        vars.data().lock().unwrap().insert(name.clone(), var);
        grads.insert(name, f64::from(i) + 1.);
    }
    (vars, grads)
}

fn named(vars: &VarMap) -> AdamW {
    AdamW::named(vars.data().lock().unwrap().clone(), AdamWConfig::default()).unwrap()
}

/// Hash maps have another order each, and equal shapes match in any order; names do not.
#[test]
fn states_of_equal_shapes_find_their_variables_by_name() {
    let (vars, by_name) = equal_shapes();
    let mut first = named(&vars);
    let mut grads = GradStore::default();
    for (name, var) in vars.data().lock().unwrap().iter() {
        grads.insert(var, Tensor::full(by_name[name] as f32, 3, &Device::Cpu).unwrap());
    }
    first.step(&grads).unwrap();

    let (other_vars, _) = equal_shapes();
    let mut second = named(&other_vars);
    second.load_named_state(first.named_state().unwrap()).unwrap();
    let restored = second.named_state().unwrap();
    assert!(restored.keys().is_sorted() && restored.len() == 8);
    // The first moment is the tenth part of the gradient, after one step.
    for (name, state) in restored {
        let close = Tolerance { rtol: 1e-6, atol: 0. };
        assert_close(&name, &values(&state.first_moment), &[0.1 * by_name[&name]; 3], close);
        assert_eq!(state.steps, 1);
    }
}

#[test]
fn a_state_of_other_names_shapes_or_dtypes_is_refused() {
    let var = |dtype| Var::zeros((2, 3), dtype, &Device::Cpu).unwrap();
    let of = |names: &[&str], dtype| {
        let vars = names.iter().map(|name| ((*name).to_owned(), var(dtype)));
        AdamW::named(vars, AdamWConfig::default()).unwrap()
    };
    let mut optimizer = of(&["a", "b", "c"], DType::F32);
    let mut refused = |state: BTreeMap<String, AdamWState>| {
        let error = first_line(&optimizer.load_named_state(state).unwrap_err());
        assert!(optimizer.state().unwrap().iter().all(|state| state.steps == 0), "something has changed");
        error
    };
    let state = |names: &[&str]| {
        let mut state = of(names, DType::F32).named_state().unwrap();
        for state in state.values_mut() {
            state.steps = 7;
        }
        state
    };
    assert_eq!(refused(state(&["b"])), "AdamW: there is no state of a, c");
    assert_eq!(
        refused(state(&["a", "b", "c", "d", "e"])),
        "AdamW: there is a state of d, e, which is no parameter"
    );
    assert_eq!(
        refused(state(&["a", "x", "c"])),
        "AdamW: there is no state of b, and a state of x, which is no parameter"
    );
    let mut changed = state(&["a", "b", "c"]);
    changed.get_mut("b").unwrap().second_moment = Tensor::zeros((3, 2), DType::F32, &Device::Cpu).unwrap();
    let expected = "AdamW: a moment of b is F32 [3, 2] on Cpu, expected F32 [2, 3] on Cpu";
    assert_eq!(refused(changed.clone()), expected);
    changed.get_mut("b").unwrap().second_moment = Tensor::zeros((2, 3), DType::F64, &Device::Cpu).unwrap();
    let expected = "AdamW: a moment of b is F64 [2, 3] on Cpu, expected F32 [2, 3] on Cpu";
    assert_eq!(refused(changed), expected);

    let mut nameless = AdamW::new(vec![var(DType::F32)], AdamWConfig::default()).unwrap();
    let expected = "AdamW: the parameters were given without names, expected those of AdamW::named";
    assert_eq!(first_line(&nameless.named_state().unwrap_err()), expected);
    assert_eq!(first_line(&nameless.load_named_state(BTreeMap::new()).unwrap_err()), expected);
    let twice = ["a", "a"].map(|name| (name.to_owned(), var(DType::F32)));
    let error = AdamW::named(twice, AdamWConfig::default()).unwrap_err();
    assert_eq!(first_line(&error), "AdamW: two variables have the name a");
}

/// States of half parameters had half moments once.
#[test]
fn half_moments_are_widened() {
    for dtype in [DType::F16, DType::BF16] {
        let var = Var::zeros(3, dtype, &Device::Cpu).unwrap();
        let mut optimizer = AdamW::new(vec![var], AdamWConfig::default()).unwrap();
        let half = |x: f32| Tensor::full(x, 3, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
        let saved = AdamWState { steps: 4, first_moment: half(0.5), second_moment: half(0.25) };
        optimizer.load_state(vec![saved]).unwrap();
        let state = &optimizer.state().unwrap()[0];
        assert_eq!(
            (state.steps, state.first_moment.dtype(), state.second_moment.dtype()),
            (4, DType::F32, DType::F32)
        );
        assert_eq!(
            (values(&state.first_moment), values(&state.second_moment)),
            (vec![0.5; 3], vec![0.25; 3])
        );
        // And those of another half type are refused.
        let other = if dtype == DType::F16 { DType::BF16 } else { DType::F16 };
        let moment = || Tensor::zeros(3, other, &Device::Cpu).unwrap();
        let saved = AdamWState { steps: 4, first_moment: moment(), second_moment: moment() };
        let error = first_line(&optimizer.load_state(vec![saved]).unwrap_err());
        let expected =
            format!("AdamW: a moment of parameter 0 is {other:?} [3] on Cpu, expected F32 [3] on Cpu");
        assert_eq!(error, expected);
    }
}
