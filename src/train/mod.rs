//! The training of one network on some rows of a data set.

mod autograd;
mod depths;
mod engine;
mod late;
mod planned;
mod state;

use std::collections::{HashMap, HashSet};

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{VarBuilder, VarMap};
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::config::{Depths, EngineName, TrainConfig};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::nn::{DynamicNet, Halting, named_vars};
use crate::ops::Loss;
use crate::optim::AVERAGE;
use crate::plan::cpu::Cpu;
#[cfg(feature = "cuda")]
use crate::plan::cuda::Cuda;
use crate::plan::{Device as PlanDevice, Training};
use crate::random::{Stream, generator};
use autograd::Autograd;
use depths::draw;
use engine::{At, Batch, Engine, Steps};
use planned::Planned;
pub use state::{Progress, TrainerState};

/// Trains a [`DynamicNet`] with the loss and the optimiser of its [`TrainConfig`], at a depth drawn for every
/// step. It has an output for each target, or with the quantile loss one for each quantile of each.
///
/// Its steps are executed from a [plan](crate::plan), on buffers that are allocated once; [`EngineName`]
/// tells when, and asks for Candle's autograd instead. On a GPU [`epoch`](Self::epoch) waits for it only at
/// its end. There a trainer must stay in the thread that made it, since Candle queues a GPU's work on a
/// stream of each thread, and before another thread reads the parameters the device has to be waited for
/// ([`Device::synchronize`]).
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device};
/// use candle_nn::{VarBuilder, VarMap};
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
    params: Vec<(String, Var)>,
    engine: Box<dyn Engine>,
    /// The names of what the optimiser remembers of each parameter.
    state_names: Vec<&'static str>,
    config: TrainConfig,
    /// By what the rates of the schedule are multiplied.
    rate_factor: f64,
    shuffle: ChaCha8Rng,
    depth: ChaCha8Rng,
    /// The epochs that are done.
    epoch: usize,
    /// The mean loss of the last of them, if the network learns its depths.
    last_loss: Option<f64>,
    under_way: Option<UnderWay>,
    /// The steps made by [`Trainer::step`] since the last epoch.
    step: usize,
}

/// An epoch that has begun.
#[derive(Debug)]
struct UnderWay {
    /// Where the stream of depths was when it began.
    depth_position: u128,
    /// The depth of each step, drawn when it resumes.
    depths: Vec<usize>,
    /// The steps that are made.
    steps: usize,
    /// The sum of their losses, each times its rows.
    loss: f64,
}

impl Trainer {
    /// Prepares the training of `net`, whose parameters are in `vars`.
    ///
    /// The order of the rows, the depths and the masks of dropout are drawn from the streams of `seed` and `index`; the index tells
    /// networks apart that are trained under one seed, for example those of the folds.
    ///
    /// # Errors
    ///
    /// Fails when `vars` has a variable that is not of floating point, and when the network does not have an
    /// output for each quantile of each target.
    pub fn new(
        net: DynamicNet,
        vars: &VarMap,
        config: &TrainConfig,
        seed: u64,
        index: usize,
    ) -> Result<Self> {
        Ok(Self {
            engine: choose_engine(&net, vars, config, generator(seed, Stream::Dropout, index).random())?,
            state_names: config.updates(&net.spec().model).state_names(),
            net,
            params: named_vars(vars),
            config: config.clone(),
            rate_factor: 1.,
            shuffle: generator(seed, Stream::Shuffle, index),
            depth: generator(seed, Stream::Depth, index),
            epoch: 0,
            last_loss: None,
            under_way: None,
            step: 0,
        })
    }

    /// The network in its present state.
    pub fn net(&self) -> &DynamicNet {
        &self.net
    }

    /// Multiplies the rates of the epochs to come by `factor`, such as
    /// [`Plateau::factor`](crate::optim::Plateau::factor), which the steps do not tell. It is 1 at first, and
    /// no part of the state.
    pub fn scale_rate(&mut self, factor: f64) {
        self.rate_factor = factor;
    }

    /// The learning rate of step number `step`, counted from 0, of all steps on `rows` rows.
    pub(crate) fn rate(&self, step: u64, rows: usize) -> f64 {
        self.rate_factor * self.config.rate(step, rows)
    }

    /// The network that is to predict: [`net`](Self::net), or where parameters are averaged
    /// ([`TrainConfig::averaging`]) a copy with the averages, as soon as there has been a step. A batch norm
    /// has yet to be given [statistics](DynamicNet::with_statistics).
    ///
    /// # Errors
    ///
    /// Fails when the device has no memory for the copy.
    pub fn predicting_net(&self) -> Result<DynamicNet> {
        let averages = match self.state_names.iter().position(|name| *name == AVERAGE) {
            None => return Ok(self.net.clone()),
            Some(position) => self
                .engine
                .optimizer_state()?
                .into_iter()
                .map(move |(name, mut state)| (name, state.steps, state.tensors.swap_remove(position))),
        };
        let averages: Vec<_> = averages.collect();
        if averages.iter().all(|(_, steps, _)| *steps == 0) {
            return Ok(self.net.clone());
        }
        let tensors: HashMap<_, _> = averages.into_iter().map(|(name, _, average)| (name, average)).collect();
        let vb = VarBuilder::from_tensors(tensors, self.net.dtype(), self.net.device());
        Ok(DynamicNet::new(self.net.spec(), vb)?)
    }

    /// Goes once through `rows` of `data` in a new order, which it leaves in `rows`, and returns the mean
    /// loss that training met; of a network with [`Halting`] the mean of the error that it expected. An epoch
    /// that was paused is brought to its end.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NotFinite`] at the first loss or gradient that is not finite, and leaves the
    /// parameters as they were before that step; with [`Error::NoRows`] when there are no rows.
    pub fn epoch(&mut self, data: &Dataset, rows: &mut [u32]) -> Result<f64> {
        loop {
            if let Some(loss) = self.advance(data, rows, &mut || false)? {
                return Ok(loss);
            }
        }
    }

    /// As [`epoch`](Self::epoch), but `pause`, which is asked after every step, can interrupt it: then there
    /// is no mean yet, and the next call, with the same data and rows, resumes it. Pauses do not change the
    /// result.
    ///
    /// # Errors
    ///
    /// As [`epoch`](Self::epoch). What was under way is then given up.
    pub fn advance(
        &mut self,
        data: &Dataset,
        rows: &mut [u32],
        pause: &mut dyn FnMut() -> bool,
    ) -> Result<Option<f64>> {
        let count = rows.len();
        if count == 0 {
            return Err(Error::NoRows);
        }
        let mut under_way = self.under_way.take().unwrap_or_else(|| {
            rows.shuffle(&mut self.shuffle);
            self.step = 0;
            UnderWay { depth_position: self.depth.get_word_pos(), depths: Vec::new(), steps: 0, loss: 0. }
        });
        let batches = rows.chunks(self.config.batch_size.max(1));
        if under_way.depths.is_empty() {
            let (how, depths) = (self.config.depths, self.net.depths());
            under_way.depths = match self.net.spec().model.halting {
                Halting::None => {
                    batches.clone().map(|_| draw(how, depths.clone(), &mut self.depth)).collect()
                }
                // Each step has all depths.
                _ => batches.clone().map(|_| *depths.end()).collect(),
            };
        }
        let before = self.config.steps(count).saturating_mul(self.epoch as u64);
        let batches = (0..).zip(batches).zip(&under_way.depths).skip(under_way.steps);
        let batch = |((step, rows), &depth): ((u64, _), _)| {
            // A checkpoint may claim any number of epochs.
            Batch { rows, depth, lr: self.rate(before.saturating_add(step), count) }
        };
        let batches: Vec<_> = batches.map(batch).collect();
        let UnderWay { steps: first, loss, .. } = under_way;
        let steps = Steps { batches: &batches, epoch: self.epoch, first, loss };
        self.engine.set_divergence(self.divergence());
        let (made, loss) = late::run(self.engine.as_mut(), data, steps, pause)?;
        if made < batches.len() {
            self.under_way = Some(UnderWay { steps: first + made, loss, ..under_way });
            return Ok(None);
        }
        self.epoch = self.epoch.saturating_add(1);
        let loss = loss / count as f64;
        self.last_loss = (self.net.spec().model.halting != Halting::None).then_some(loss);
        Ok(Some(loss))
    }

    /// The weight of the divergence of learned depths from their prior in this epoch; none in the first tenth
    /// of the epochs, in which they stay the prior.
    ///
    /// By the evidence lower bound it is 2 s^2 / out for residuals of variance s^2, for which the last epoch's
    /// loss stands.
    fn divergence(&self) -> Option<f64> {
        let is_warm = self.epoch < self.config.warm_up();
        let targets = self.net.spec().out_features as f64;
        self.last_loss.filter(|_| !is_warm).map(|loss| 2. * loss / targets)
    }

    /// Makes one step on the batch `x` (n, features), `y` (n, targets) at `depth`, and returns the loss
    /// before it. Whatever the schedule, its rate is the learning rate of the settings: how many steps there
    /// are to be is not known. Of a network with [`Halting`] it covers all depths, and `depth` can be any of
    /// them.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NotFinite`], and leaves the parameters alone, when the loss or a gradient is not
    /// finite, and with [`Error::NoRows`] when there are no rows.
    pub fn step(&mut self, x: &Tensor, y: &Tensor, depth: usize) -> Result<f64> {
        if x.dims().first() == Some(&0) {
            return Err(Error::NoRows);
        }
        self.engine.set_divergence(self.divergence());
        let loss =
            self.engine.step(x, y, self.config.lr, At { epoch: self.epoch, step: self.step, depth })?;
        self.step += 1;
        Ok(loss)
    }
}

/// The engine that `config` asks for, with the masks of dropout from `seed`.
fn choose_engine(
    net: &DynamicNet,
    vars: &VarMap,
    config: &TrainConfig,
    seed: u64,
) -> Result<Box<dyn Engine>> {
    let (outputs, of_target) = (net.spec().out_features, config.loss().outputs());
    if !outputs.is_multiple_of(of_target) {
        let problem = format!("are {of_target}, and the network has {outputs} outputs; expected a multiple");
        return Err(Error::config("train.quantiles", problem));
    }
    if net.spec().model.halting != Halting::None && config.loss() != Loss::Mse {
        let problem = format!("is {}, but a network that learns its depths needs mse", config.loss().name());
        return Err(Error::config("train.loss", problem));
    }
    let planned = match config.engine {
        EngineName::Autograd => None,
        EngineName::Auto | EngineName::Fused => planned_engine(net, vars, config, seed)?,
    };
    match planned {
        Some(engine) => Ok(engine),
        None if config.engine == EngineName::Fused => Err(Error::config(
            "train.engine",
            "is fused, which trains f32 or f64 networks all of whose parameters are variables and whose depths begin at \
             1 or more; this network differs",
        )),
        None => {
            let updates = config.updates(&net.spec().model);
            let autograd = Autograd::new(net.clone(), vars, config.loss(), &updates, seed)?;
            Ok(Box::new(autograd.with_depth_weights(depth_weights(net, config)?)))
        }
    }
}

/// The engine that executes a plan, if each parameter is a variable of `vars` of its own, nothing else is,
/// all are of one type that it knows and on one device, and every step has a gradient for each.
fn planned_engine(
    net: &DynamicNet,
    vars: &VarMap,
    config: &TrainConfig,
    seed: u64,
) -> Result<Option<Box<dyn Engine>>> {
    let parameters: Vec<_> = net.named_parameters().map(|(_, parameter)| parameter).collect();
    let variables = vars.all_vars();
    let fits = |parameter: &Tensor| {
        parameter.dtype() == net.dtype()
            && parameter.device().same_device(net.device())
            && variables.iter().any(|var| var.id() == parameter.id())
    };
    let ids: HashSet<_> = parameters.iter().map(|parameter| parameter.id()).collect();
    let one_each = ids.len() == parameters.len() && variables.len() == parameters.len();
    if !one_each || !parameters.iter().all(|parameter| fits(parameter)) || *net.depths().start() == 0 {
        return Ok(None);
    }
    Ok(match (net.device(), net.dtype()) {
        (Device::Cpu, DType::F32) => Some(planned(Cpu::<f32>::new(), net, config, seed)?),
        (Device::Cpu, DType::F64) => Some(planned(Cpu::<f64>::new(), net, config, seed)?),
        #[cfg(feature = "cuda")]
        (Device::Cuda(device), DType::F32) => Some(planned(
            Cuda::<f32>::new(device, parameters.len(), &config.updates(&net.spec().model).optimizer)?,
            net,
            config,
            seed,
        )?),
        #[cfg(feature = "cuda")]
        (Device::Cuda(device), DType::F64) => Some(planned(
            Cuda::<f64>::new(device, parameters.len(), &config.updates(&net.spec().model).optimizer)?,
            net,
            config,
            seed,
        )?),
        _ => None,
    })
}

fn planned<D: PlanDevice + 'static>(
    device: D,
    net: &DynamicNet,
    config: &TrainConfig,
    seed: u64,
) -> Result<Box<dyn Engine>> {
    let loss = config.loss();
    let widths = [net.spec().in_features, net.spec().out_features / loss.outputs()];
    let training = Training::new(device, net, loss, config.updates(&net.spec().model), seed)?;
    Ok(Box::new(Planned::new(training.with_depth_weights(depth_weights(net, config)?), widths)))
}

/// The weights of the depths of `net`, if a step has all of them.
fn depth_weights(net: &DynamicNet, config: &TrainConfig) -> Result<Option<Vec<f64>>> {
    let depths = net.depths().count();
    config.check_depth_weights(depths)?;
    Ok((config.depths == Depths::All).then(|| match config.depth_weights.as_slice() {
        [] => vec![1.; depths],
        weights => weights.to_vec(),
    }))
}
