//! The training of one network on some rows of a data set.

mod autograd;
mod engine;
mod fused;

use std::collections::HashSet;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::config::{EngineName, TrainConfig};
use crate::data::{Dataset, shuffled_batches};
use crate::error::{Error, Result};
use crate::nn::DynamicNet;
use crate::random::{Stream, generator};
use autograd::Autograd;
use engine::{At, Batch, Engine};
#[cfg(feature = "cuda")]
use fused::Cuda;
use fused::{Cpu, Fused};

/// Trains a [`DynamicNet`] with AdamW on the mean squared error, at a depth drawn for every step.
///
/// A hand-derived forward and backward work on buffers that are allocated once; [`EngineName`] tells when, and asks for
/// Candle's autograd instead. On a GPU [`epoch`](Self::epoch) waits for it only at its end. There a trainer must stay in
/// the thread that made it, since Candle queues a GPU's work on a stream of each thread, and before another thread reads
/// the parameters the device has to be waited for ([`Device::synchronize`]).
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device};
/// use candle_nn::VarMap;
/// use taper::config::{ModelConfig, TrainConfig};
/// use taper::data::synthetic;
/// use taper::nn::{DynamicNet, seeded_builder};
/// use taper::random::{Stream, generator};
/// use taper::train::Trainer;
///
/// let data = synthetic(256, 4, 0.1, generator(1, Stream::Data, 0), DType::F32, &Device::Cpu)?;
/// let vars = VarMap::new();
/// let vb = seeded_builder(&vars, generator(1, Stream::Init, 0), DType::F32, &Device::Cpu);
/// let net = DynamicNet::new(&ModelConfig::default().network(4, 1), vb)?;
///
/// let config = TrainConfig { lr: 1e-2, ..TrainConfig::default() };
/// let mut trainer = Trainer::new(net, &vars, &config, 1, 0)?;
/// let mut rows: Vec<u32> = (0..256).collect();
/// let first = trainer.epoch(&data, &mut rows)?;
/// for _ in 0..9 {
///     trainer.epoch(&data, &mut rows)?;
/// }
/// assert!(trainer.epoch(&data, &mut rows)? < first / 2.);
/// # Ok::<(), taper::Error>(())
/// ```
#[derive(Debug)]
pub struct Trainer {
    net: DynamicNet,
    engine: Box<dyn Engine>,
    batch_size: usize,
    shuffle: ChaCha8Rng,
    depth: ChaCha8Rng,
    epoch: usize,
    step: usize,
}

impl Trainer {
    /// Prepares the training of `net`, whose parameters are in `vars`.
    ///
    /// The order of the rows and the depths are drawn from the streams of `seed` and `index`; the index tells
    /// networks apart that are trained under one seed, for example those of the folds.
    ///
    /// # Errors
    ///
    /// Fails when `vars` has a variable that is not of floating point.
    pub fn new(
        net: DynamicNet,
        vars: &VarMap,
        config: &TrainConfig,
        seed: u64,
        index: usize,
    ) -> Result<Self> {
        Ok(Self {
            engine: choose_engine(&net, vars, config)?,
            net,
            batch_size: config.batch_size,
            shuffle: generator(seed, Stream::Shuffle, index),
            depth: generator(seed, Stream::Depth, index),
            epoch: 0,
            step: 0,
        })
    }

    /// The network in its present state.
    pub fn net(&self) -> &DynamicNet {
        &self.net
    }

    /// Goes once through `rows` of `data` in a new order, which it leaves in `rows`, and returns the mean of the
    /// squared errors that training met.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NotFinite`] at the first loss or gradient that is not finite, and leaves the parameters as
    /// they were before that step; with [`Error::NoRows`] when there are no rows.
    pub fn epoch(&mut self, data: &Dataset, rows: &mut [u32]) -> Result<f64> {
        let count = rows.len();
        if count == 0 {
            return Err(Error::NoRows);
        }
        let batches: Vec<_> = shuffled_batches(rows, self.batch_size, &mut self.shuffle)
            .map(|rows| Batch { rows, depth: self.depth.random_range(self.net.depths()) })
            .collect();
        self.step = 0;
        let sum = self.engine.epoch(data, &batches, self.epoch)?;
        self.epoch += 1;
        Ok(sum / count as f64)
    }

    /// Makes one step on the batch `x` (n, features), `y` (n, targets) at `depth`, and returns the loss before it.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NotFinite`], and leaves the parameters alone, when the loss or a gradient is not finite, and
    /// with [`Error::NoRows`] when there are no rows.
    pub fn step(&mut self, x: &Tensor, y: &Tensor, depth: usize) -> Result<f64> {
        if x.dims().first() == Some(&0) {
            return Err(Error::NoRows);
        }
        let loss = self.engine.step(x, y, At { epoch: self.epoch, step: self.step, depth })?;
        self.step += 1;
        Ok(loss)
    }
}

/// The engine that `config` asks for.
fn choose_engine(net: &DynamicNet, vars: &VarMap, config: &TrainConfig) -> Result<Box<dyn Engine>> {
    let fused = match config.engine {
        EngineName::Autograd => None,
        EngineName::Auto | EngineName::Fused => fused_engine(net, vars, config)?,
    };
    match fused {
        Some(engine) => Ok(engine),
        None if config.engine == EngineName::Fused => Err(Error::config(
            "train.engine",
            "is fused, which trains f32 or f64 networks all of whose parameters are variables and whose depths begin at \
             1 or more, and this network is another one",
        )),
        None => Ok(Box::new(Autograd::new(net.clone(), vars, config.optimizer())?)),
    }
}

/// The fused engine, if each parameter is a variable of `vars` of its own, nothing else is, all are of one type that it
/// knows and on one device, and every step has a gradient for each.
fn fused_engine(net: &DynamicNet, vars: &VarMap, config: &TrainConfig) -> Result<Option<Box<dyn Engine>>> {
    let layers = net.layers();
    let parameters: Vec<_> = layers.iter().flat_map(|layer| [Some(layer.weight()), layer.bias()]).collect();
    let variables = vars.all_vars();
    let [Some(first), ..] = parameters[..] else { return Ok(None) };
    let fits = |parameter: &Tensor| {
        parameter.dtype() == first.dtype()
            && parameter.device().same_device(first.device())
            && variables.iter().any(|var| var.id() == parameter.id())
    };
    let all_fit = parameters.iter().all(|parameter| parameter.is_some_and(fits));
    let ids: HashSet<_> = parameters.iter().flatten().map(|parameter| parameter.id()).collect();
    let one_each = ids.len() == parameters.len() && variables.len() == parameters.len();
    if !one_each || !all_fit || *net.depths().start() == 0 {
        return Ok(None);
    }
    let optimizer = config.optimizer();
    Ok(match (first.device(), first.dtype()) {
        (Device::Cpu, DType::F32) => Some(Box::new(Fused::new(Cpu::<f32>::new(), net, optimizer)?)),
        (Device::Cpu, DType::F64) => Some(Box::new(Fused::new(Cpu::<f64>::new(), net, optimizer)?)),
        #[cfg(feature = "cuda")]
        (Device::Cuda(device), DType::F32) => {
            Some(Box::new(Fused::new(Cuda::<f32>::new(device)?, net, optimizer)?))
        }
        #[cfg(feature = "cuda")]
        (Device::Cuda(device), DType::F64) => {
            Some(Box::new(Fused::new(Cuda::<f64>::new(device)?, net, optimizer)?))
        }
        _ => None,
    })
}
