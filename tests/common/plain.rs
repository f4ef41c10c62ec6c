//! The default network and its training step made of nothing but Candle, for comparison.

use candle_core::{DType, Device, Module, Result, Tensor};
use candle_nn::{Optimizer, VarMap};
use taper::config::{ModelConfig, TrainConfig};
use taper::nn::{DynamicNet, named_vars, seeded_builder};
use taper::random::{Stream, generator};
use taper::train::Trainer;

/// The trainer of the default network on `device`, with parameters in `vars`.
pub(crate) fn trainer(vars: &VarMap, features: usize, device: &Device) -> Trainer {
    trainer_with(TrainConfig::default(), vars, features, device)
}

/// The same, trained as `config` says.
pub(crate) fn trainer_with(config: TrainConfig, vars: &VarMap, features: usize, device: &Device) -> Trainer {
    let vb = seeded_builder(vars, generator(1, Stream::Init, 0), DType::F32, device);
    let net = DynamicNet::new(&ModelConfig::default().network(features, 1), vb).unwrap();
    Trainer::new(net, vars, &config, 1, 0).unwrap()
}

/// The same network with the same start, and its training step, in plain Candle.
pub(crate) struct Plain {
    input: candle_nn::Linear,
    hidden: candle_nn::Linear,
    output: candle_nn::Linear,
    optimizer: candle_nn::AdamW,
}

impl Plain {
    pub(crate) fn new(features: usize, device: &Device) -> Self {
        let vars = VarMap::new();
        trainer(&vars, features, device);
        let named = named_vars(&vars);
        let get = |name: &str| -> Tensor {
            let (_, var) = named.iter().find(|(n, _)| n == name).unwrap();
            var.as_tensor().clone()
        };
        let layer = |name: &str| {
            candle_nn::Linear::new(get(&format!("{name}.weight")), Some(get(&format!("{name}.bias"))))
        };
        let params = candle_nn::ParamsAdamW {
            lr: TrainConfig::default().lr,
            weight_decay: 0.,
            ..candle_nn::ParamsAdamW::default()
        };
        let optimizer = candle_nn::AdamW::new(vars.all_vars(), params).unwrap();
        Self { input: layer("input"), hidden: layer("hidden"), output: layer("output"), optimizer }
    }

    /// Makes a step and returns the loss before it, on the device.
    pub(crate) fn step(&mut self, x: &Tensor, y: &Tensor, depth: usize) -> Result<Tensor> {
        let loss = candle_nn::loss::mse(&self.forward(x, depth)?, y)?;
        self.optimizer.backward_step(&loss)?;
        Ok(loss.detach())
    }

    /// The output for `x` with the hidden layer applied `depth` times.
    pub(crate) fn forward(&self, x: &Tensor, depth: usize) -> Result<Tensor> {
        let mut h = self.input.forward(x)?.relu()?;
        for _ in 0..depth {
            h = self.hidden.forward(&h)?.relu()?;
        }
        self.output.forward(&h)
    }
}
