//! The layers, the network and the loss against PyTorch: values and all gradients.

use std::collections::HashMap;

use crate::compare::{Tolerance, assert_close, values};
use crate::encoding::encoded;
use crate::error::first_line;
use crate::reference::{array, number, numbers, reference};
use crate::tensors::{shaped, tensor};
use candle_core::{DType, Device, Module, Tensor, Var};
use candle_nn::{VarBuilder, VarMap};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use taper::nn::{
    Block, CosInit, CosLinear, DynamicNet, Halting, LayerKind, Linear, ModelConfig, Norm, named_vars,
    seeded_builder,
};
use taper::ops::mse;
use taper::plan::Predictor;

/// Exact up to rounding in double precision.
const F64: Tolerance = Tolerance { rtol: 1e-13, atol: 1e-14 };

/// A builder over given parameters, all of them variables, in a map of their own.
fn given(parameters: impl IntoIterator<Item = (String, Tensor)>) -> (VarMap, VarBuilder<'static>) {
    let vars = VarMap::new();
    for (name, value) in parameters {
        vars.data().lock().unwrap().insert(name, Var::from_tensor(&value).unwrap());
    }
    let vb = VarBuilder::from_varmap(&vars, DType::F64, &Device::Cpu);
    (vars, vb)
}

#[test]
fn cos_linear_is_that_of_pytorch() {
    for case in array(&reference("cos_linear.json")) {
        let has_bias = !case["bias"].is_null();
        let mut parameters =
            HashMap::from([("weight".to_owned(), shaped(&case["weight"], (3, 4), DType::F64))]);
        if has_bias {
            parameters.insert("bias".to_owned(), shaped(&case["bias"], 3, DType::F64));
        }
        let (vars, vb) = given(parameters);
        let layer = CosLinear::new(4, 3, has_bias, CosInit::Centred, vb).unwrap();
        let x = Var::from_tensor(&shaped(&case["x"], (2, 5, 4), DType::F64)).unwrap();
        let y = layer.forward(&x).unwrap();
        assert_eq!(y.dims(), [2, 5, 3]);
        assert_close(&format!("CosLinear, bias {has_bias}"), &values(&y), &numbers(&case["output"]), F64);

        let upstream = shaped(&case["upstream"], (2, 5, 3), DType::F64);
        let grads = (y * upstream).unwrap().sum_all().unwrap().backward().unwrap();
        assert_close("dx", &values(grads.get(&x).unwrap()), &numbers(&case["grad_x"]), F64);
        for (name, var) in named_vars(&vars) {
            let expected = numbers(&case[format!("grad_{name}")]);
            assert_close(&format!("d{name}"), &values(grads.get(&var).unwrap()), &expected, F64);
        }
    }
}

#[test]
fn dynamic_net_is_that_of_pytorch_at_every_depth() {
    for case in array(&reference("networks.json")) {
        let parameters = case["parameters"].as_object().unwrap();
        let (vars, vb) =
            given(parameters.iter().map(|(name, value)| (name.clone(), tensor(value, DType::F64))));
        let model: ModelConfig = serde_json::from_value(case["model"].clone()).unwrap();
        let model = ModelConfig { hidden: 7, min_depth: 0, max_depth: 4, ..model };
        let net = DynamicNet::new(&model.network(5, 1), vb.clone()).unwrap();
        let (x, y) = (shaped(&case["x"], (6, 5), DType::F64), shaped(&case["y"], (6, 1), DType::F64));
        let seed = case["seed"].as_str().unwrap().parse().ok();
        // With dropout or a batch norm it is that of a training step.
        let training = seed.or((model.norm == Norm::Batch).then_some(0));
        for reference in array(&case["depths"]) {
            let depth = reference["depth"].as_u64().unwrap() as usize;
            let what = format!("{}, depth {depth}", model.layers());
            let output = if let Some(seed) = training {
                net.forward_in_training(&x, depth, seed).unwrap()
            } else {
                let all = net.forward_all_depths(&x).unwrap();
                assert_eq!(all.len(), 5);
                assert_close(&what, &values(&all[depth]), &numbers(&reference["output"]), F64);
                net.forward_at_depth(&x, depth).unwrap()
            };
            assert_close(&what, &values(&output), &numbers(&reference["output"]), F64);

            let loss = mse(&output, &y).unwrap();
            assert_close(&format!("{what}: loss"), &values(&loss), &[number(&reference["loss"])], F64);
            let grads = loss.backward().unwrap();
            for (name, var) in named_vars(&vars) {
                // At depth 0 the hidden layer is not used, and PyTorch has no gradient for it either.
                match (grads.get(&var), reference["grads"].get(&name)) {
                    (Some(grad), Some(expected)) => {
                        assert_close(&format!("{what}: d{name}"), &values(grad), &numbers(expected), F64);
                    }
                    (grad, expected) => assert!(grad.is_none() && expected.is_none(), "{what}: d{name}"),
                }
            }
        }
        let model = ModelConfig { min_depth: 1, ..model };
        let mut net = DynamicNet::new(&model.network(5, 1), vb).unwrap();
        let what = format!("{}: prediction", model.layers());
        if model.norm == Norm::Batch {
            let statistics = &case["statistics"];
            net = net.with_statistics(&shaped(&statistics["rows"], (50, 5), DType::F64)).unwrap();
            for (name, tensor) in net.named_statistics().unwrap() {
                let expected = &statistics[name.strip_prefix("norm.").unwrap()];
                assert_close(&format!("{what}: {name}"), &values(&tensor), &numbers(expected), F64);
            }
        }
        assert_close(&what, &values(&net.predict(&x).unwrap()), &numbers(&case["predict_1_to_4"]), F64);
        let by_plan = Predictor::new(&net).unwrap().predict(&x).unwrap();
        assert_close(&what, &values(&by_plan), &numbers(&case["predict_1_to_4"]), F64);
    }
}

/// What training goes by whose batch are all rows, whatever their number: more than are computed at a time,
/// and one.
#[test]
fn the_statistics_of_rows_are_those_of_their_batch() {
    for block in [Block::Plain, Block::Residual, Block::Injection] {
        let model = ModelConfig { hidden: 7, norm: Norm::Batch, block, ..ModelConfig::default() };
        let vars = VarMap::new();
        let vb = seeded_builder(&vars, ChaCha8Rng::seed_from_u64(5), DType::F64, &Device::Cpu);
        let spec = model.network(3, 2);
        let spec = if block == Block::Plain { encoded(spec, 2, &vars, DType::F64) } else { spec };
        let net = DynamicNet::new(&spec, vb).unwrap();
        assert!(net.named_statistics().unwrap().is_empty());
        for rows in [1, 2, 1024, 1025, 3000] {
            let x: Vec<f64> = (0..rows * 3).map(|i| (i as f64).sin() * f64::from(1 + i as u32 % 7)).collect();
            let x = Tensor::from_vec(x, (rows, 3), &Device::Cpu).unwrap();
            let known = net.with_statistics(&x).unwrap();
            for depth in 1..=4 {
                let what = format!("{block:?}, {rows} rows, depth {depth}");
                let expected = net.forward_in_training(&x, depth, 0).unwrap();
                let close = Tolerance { rtol: 1e-11, atol: 1e-11 };
                assert_close(
                    &what,
                    &values(&known.forward_at_depth(&x, depth).unwrap()),
                    &values(&expected),
                    close,
                );
            }
            let by_plan = Predictor::new(&known).unwrap().predict(&x).unwrap();
            // Without a variance four applications enlarge rounding errors by 1e10.
            let close = Tolerance { rtol: 0., atol: if rows == 1 { 1e-5 } else { 1e-11 } };
            assert_close("by a plan", &values(&by_plan), &values(&known.predict(&x).unwrap()), close);
        }
    }
}

/// Nobody predicts by a batch.
#[test]
fn a_batch_norm_predicts_by_statistics_alone() {
    let model = ModelConfig { norm: Norm::Batch, ..ModelConfig::default() };
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, ChaCha8Rng::seed_from_u64(5), DType::F32, &Device::Cpu);
    let net = DynamicNet::new(&model.network(3, 2), vb).unwrap();
    let x = Tensor::ones((4, 3), DType::F32, &Device::Cpu).unwrap();
    let expected = "DynamicNet: its batch norm has no statistics to predict by, expected those that \
                    `with_statistics` takes of rows; a training step is `forward_in_training`";
    for error in [
        net.predict(&x).unwrap_err(),
        net.forward_at_depth(&x, 2).unwrap_err(),
        net.forward_all_depths(&x).unwrap_err(),
        Predictor::new(&net).unwrap_err(),
    ] {
        assert_eq!(first_line(&error), expected);
    }
    let message = |x: &Tensor| first_line(&net.with_statistics(x).unwrap_err());
    let none = "DynamicNet: a batch norm has statistics of no rows, expected at least one";
    assert_eq!(message(&x.narrow(0, 0, 0).unwrap()), none);
    let infinite = "DynamicNet: the activations have a mean or a variance that is not finite in F32";
    let far = Tensor::arange(0f32, 12., &Device::Cpu).unwrap().reshape((4, 3)).unwrap() * 1e30;
    assert_eq!(message(&far.unwrap()), infinite);
    // All that a step trains are parameters.
    assert!(named_vars(&vars).iter().all(|(name, _)| !name.contains("mean") && !name.contains("variance")));
}

/// The loss that is expected over depths, its gradients, and predictions that are made row by row.
#[test]
fn learned_depths_are_those_of_pytorch() {
    for case in array(&reference("halting.json")) {
        let parameters = case["parameters"].as_object().unwrap();
        let (vars, vb) =
            given(parameters.iter().map(|(name, value)| (name.clone(), tensor(value, DType::F64))));
        let model: ModelConfig = serde_json::from_value(case["model"].clone()).unwrap();
        let model = ModelConfig { hidden: 7, ..model };
        let what = model.layers();
        let net = DynamicNet::new(&model.network(5, 1), vb).unwrap();
        let (x, y) = (shaped(&case["x"], (6, 5), DType::F64), shaped(&case["y"], (6, 1), DType::F64));
        let divergence = case["divergence"].as_f64();
        let [loss, expected] = net.expected_loss(&x, &y, divergence, 0).unwrap();
        assert_close(&what, &values(&loss), &[number(&case["loss"])], F64);
        assert_close(&what, &values(&expected), &[number(&case["expected"])], F64);
        let grads = loss.backward().unwrap();
        for (name, var) in named_vars(&vars) {
            let grad = values(grads.get(&var).unwrap());
            assert_close(&format!("{what}: d{name}"), &grad, &numbers(&case["grads"][&name]), F64);
        }
        let predictions = numbers(&case["predictions"]);
        assert_close(&what, &values(&net.predict(&x).unwrap()), &predictions, F64);
        let prediction = Predictor::new(&net).unwrap().predict_all_depths(&x).unwrap();
        assert_close(&what, &values(&prediction.mean), &predictions, F64);
        let exits = prediction.exits.unwrap();
        assert_close(&what, &exits.probabilities, &numbers(&case["probabilities"]), F64);
        let depths: Vec<_> = exits.depths.iter().map(|depth| *depth as f64).collect();
        assert_eq!(depths, numbers(&case["exits"]), "{what}");
    }
}

#[test]
fn new_parameters_have_their_names_shapes_and_ranges() {
    for (layer, centre, bound) in [
        (LayerKind::Linear, 0., 0.1),
        (LayerKind::Cos(CosInit::Centred), std::f64::consts::FRAC_PI_2, 0.1),
        (LayerKind::Cos(CosInit::Kaiming), 0., 0.06f64.sqrt()),
    ] {
        let vars = VarMap::new();
        let vb = seeded_builder(&vars, ChaCha8Rng::seed_from_u64(3), DType::F64, &Device::Cpu);
        let model = ModelConfig { hidden: 100, min_depth: 1, max_depth: 1, layer, ..ModelConfig::default() };
        let net = DynamicNet::new(&model.network(100, 100), vb).unwrap();
        let named = named_vars(&vars);
        let mut by_net: Vec<_> = net.named_parameters().collect();
        by_net.sort_by(|(a, _), (b, _)| a.cmp(b));
        for ((name, var), (net_name, parameter)) in named.iter().zip(by_net) {
            assert_eq!((name, var.id()), (&net_name, parameter.id()));
        }
        let names: Vec<_> = named.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["hidden.bias", "hidden.weight", "input.bias", "input.weight", "output.bias", "output.weight"]
        );
        for (name, var) in &named {
            let (centre, bound) = if name.ends_with("weight") { (centre, bound) } else { (0., 0.1) };
            let largest = values(var).iter().map(|x| (x - centre).abs()).fold(0., f64::max);
            assert!(largest <= bound && largest >= 0.9 * bound, "{layer:?} {name}: {largest} of {bound}");
        }
    }
}

/// Whatever a setting adds starts without a draw: the parameters of the layers are the same.
#[test]
fn additions_change_no_draw() {
    let drawn = |model: ModelConfig| {
        let vars = VarMap::new();
        let vb = seeded_builder(&vars, ChaCha8Rng::seed_from_u64(4), DType::F64, &Device::Cpu);
        DynamicNet::new(&model.network(3, 2), vb).unwrap();
        let named = named_vars(&vars).into_iter();
        named.map(|(name, var)| (name, var.dims().to_vec(), values(&var))).collect::<Vec<_>>()
    };
    let before = drawn(ModelConfig::default());
    let model =
        ModelConfig { skip: true, norm: Norm::Layer, halting: Halting::Adaptive, ..ModelConfig::default() };
    let is_added = |name: &str| ["skip", "norm", "halting"].iter().any(|start| name.starts_with(start));
    let (added, same): (Vec<_>, Vec<_>) = drawn(model).into_iter().partition(|(name, ..)| is_added(name));
    assert_eq!(same, before);
    let expected = [
        ("halting.bias", vec![3], vec![0.; 3]),
        ("halting.weight", vec![1, 32], vec![0.; 32]),
        ("norm.bias", vec![32], vec![0.; 32]),
        ("norm.weight", vec![32], vec![1.; 32]),
        ("skip.weight", vec![2, 3], vec![0.; 6]),
    ];
    assert_eq!(added, expected.map(|(name, dims, values)| (name.to_owned(), dims, values)));
}

#[test]
fn wrong_shapes_are_errors_that_say_what_was_expected() {
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, ChaCha8Rng::seed_from_u64(3), DType::F32, &Device::Cpu);
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    let linear = Linear::new(4, 2, true, vb.pp("linear")).unwrap();
    let cos = CosLinear::new(4, 2, false, CosInit::Centred, vb.pp("cos")).unwrap();
    let bias = ", bias is F32 [2] on Cpu";
    for (name, layer, bias) in [("linear", &linear as &dyn Module, bias), ("cos_linear", &cos, "")] {
        for x in [zeros(&[3, 5]), zeros(&[])] {
            let message = format!(
                "{name}: x is F32 {:?} on Cpu, weight is F32 [2, 4] on Cpu{bias}, expected x [.., 4]",
                x.dims()
            );
            assert_eq!(first_line(&layer.forward(&x).unwrap_err()), message);
        }
        assert_eq!(layer.forward(&zeros(&[4])).unwrap().dims(), [2]);
        assert_eq!(layer.forward(&zeros(&[0, 4])).unwrap().dims(), [0, 2]);
    }
    let error = mse(&zeros(&[3, 1]), &zeros(&[3])).unwrap_err().to_string();
    assert!(
        error.contains("mse: prediction is F32 [3, 1] on Cpu, target is F32 [3] on Cpu, expected one shape"),
        "{error}"
    );
    let error = mse(&zeros(&[0]), &zeros(&[0])).unwrap_err().to_string();
    assert!(error.contains("at least one element"), "{error}");

    let model = ModelConfig { hidden: 3, max_depth: 2, ..ModelConfig::default() };
    let net = DynamicNet::new(&model.network(4, 1), vb.pp("net")).unwrap();
    let error = net.forward_at_depth(&zeros(&[5, 4]), 3).unwrap_err().to_string();
    assert!(error.contains("depth is 3, expected one of 1..=2"), "{error}");
    let none = ModelConfig { min_depth: 2, max_depth: 1, ..model.clone() };
    let error = DynamicNet::new(&none.network(4, 1), vb.pp("none")).unwrap_err().to_string();
    assert!(error.contains("depths 2..=1 are empty"), "{error}");
    let halting = Halting::Shared;
    for (model, expected) in [
        (ModelConfig { halting, max_depth: 1, ..model.clone() }, "there are 1 depths to learn"),
        (ModelConfig { halting, max_depth: 65, ..model.clone() }, "there are 65 depths to learn"),
        (ModelConfig { halting, exit: 0., ..model.clone() }, "the exit is 0"),
        (ModelConfig { halting, exit: f64::NAN, ..model.clone() }, "the exit is NaN"),
    ] {
        let error = DynamicNet::new(&model.network(4, 1), vb.pp("learned")).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = net.expected_loss(&zeros(&[5, 4]), &zeros(&[5, 1]), None, 0).unwrap_err().to_string();
    assert!(error.contains("its depths are not learned"), "{error}");
}
