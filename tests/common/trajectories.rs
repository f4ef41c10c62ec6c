//! Fifty training steps of a small network, as PyTorch makes them.

use candle_core::{DType, Device, Var};
use candle_nn::{VarBuilder, VarMap};
use taper::config::{Depths, ModelConfig, TrainConfig};
use taper::data::Dataset;
use taper::nn::{CosInit, DynamicNet, LayerKind};
use taper::train::Trainer;

use crate::compare::{Tolerance, assert_close, values};
use crate::reference::{array, indices, number, numbers, reference};
use crate::tensors::{shaped, tensor};

/// Makes the steps on `device`, and holds their losses and the parameters at the end against PyTorch's.
pub fn follow_pytorch(device: &Device) {
    for case in array(&reference("trajectories.json")) {
        let vars = VarMap::new();
        for (name, value) in case["start"].as_object().unwrap() {
            let var = Var::from_tensor(&tensor(value, DType::F32).to_device(device).unwrap()).unwrap();
            vars.data().lock().unwrap().insert(name.clone(), var);
        }
        let layer = match case["layer"].as_str() {
            Some("linear") => LayerKind::Linear,
            Some("cos") => LayerKind::Cos(CosInit::Centred),
            layer => panic!("unknown layer {layer:?}"),
        };
        let model = ModelConfig { hidden: 16, layer, ..ModelConfig::default() };
        let vb = VarBuilder::from_varmap(&vars, DType::F32, device);
        let net = DynamicNet::new(&model.network(8, 1), vb).unwrap();
        let depth_weights = case.get("depth_weights").map(numbers).unwrap_or_default();
        let depths = if depth_weights.is_empty() { Depths::Uniform } else { Depths::All };
        let config = TrainConfig { lr: number(&case["lr"]), depths, depth_weights, ..TrainConfig::default() };
        let mut trainer = Trainer::new(net, &vars, &config, 0, 0).unwrap();

        let x = shaped(&case["x"], (64, 8), DType::F32);
        let data = Dataset::new(x, shaped(&case["y"], (64, 1), DType::F32)).unwrap();
        let data = data.to_device(device).unwrap();
        let steps = array(&case["batches"]).iter().zip(indices(&case["depths"]));
        let losses: Vec<f64> = steps
            .map(|(batch, depth)| {
                let batch: Vec<u32> = indices(batch).into_iter().map(|i| i as u32).collect();
                let (x, y) = data.select(&batch).unwrap();
                trainer.step(&x, &y, depth).unwrap()
            })
            .collect();
        let what = format!("50 steps of {} at {depths:?}", case["layer"]);
        let losses_close = Tolerance { rtol: 1e-5, atol: 1e-5 };
        assert_close(&format!("{what}: losses"), &losses, &numbers(&case["losses"]), losses_close);
        for (name, value) in case["end"].as_object().unwrap() {
            let end = values(&vars.data().lock().unwrap()[name]);
            // Relative to the largest parameter of the tensor: single ones pass through zero.
            let expected = numbers(&value["values"]);
            let largest = expected.iter().fold(0f64, |largest, x| largest.max(x.abs()));
            let close = Tolerance { rtol: 0., atol: 1e-4 * largest };
            assert_close(&format!("{what}: {name}"), &end, &expected, close);
        }
    }
}
