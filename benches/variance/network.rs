//! The networks of a run, and copies of them whose gradients are taken.

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::{VarBuilder, VarMap};
use taper::config::{CvConfig, Recipe};
use taper::data::{Dataset, KFold, synthetic};
use taper::nn::{DynamicNet, seeded_builder};
use taper::ops::mse;
use taper::random::{Stream, generator};
use taper::train::Trainer;

/// The settings of `taper --recipe NAME --seed SEED`.
pub(crate) fn config(recipe: Recipe, seed: u64) -> CvConfig {
    CvConfig { model: recipe.model(), train: recipe.train(), seed, ..CvConfig::default() }
}

/// The synthetic data of `config`, with its noise or another.
pub(crate) fn data(config: &CvConfig, noise: f64) -> Dataset {
    let (rows, features) = (config.data.rows, config.data.features);
    let rng = generator(config.seed, Stream::Data, 0);
    synthetic(rows, features, noise, rng, DType::F32, &Device::Cpu).unwrap()
}

/// Trains fold `index` as a run does, and calls `at` with the epochs done and the network at the start, after
/// half of the epochs and at the end.
pub(crate) fn train(
    config: &CvConfig,
    data: &Dataset,
    rows: &[u32],
    index: usize,
    mut at: impl FnMut(usize, &DynamicNet),
) {
    let vars = VarMap::new();
    let init = generator(config.seed, Stream::Init, index);
    let vb = seeded_builder(&vars, init, DType::F32, &Device::Cpu);
    let net = DynamicNet::new(&config.model.network(data.features(), 1), vb).unwrap();
    let mut trainer = Trainer::new(net, &vars, &config.train, config.seed, index).unwrap();
    let (mut rows, epochs) = (rows.to_vec(), config.train.epochs);
    for epoch in 0..=epochs {
        if [0, epochs / 2, epochs].contains(&epoch) {
            at(epoch, trainer.net());
        }
        if epoch < epochs {
            trainer.epoch(data, &mut rows).unwrap();
        }
    }
}

/// The network of fold `index` at the end.
pub(crate) fn trained(config: &CvConfig, data: &Dataset, rows: &[u32], index: usize) -> DynamicNet {
    let mut trained = None;
    train(config, data, rows, index, |_, net| trained = Some(net.clone()));
    trained.unwrap()
}

/// The folds of a run.
pub(crate) fn folds(config: &CvConfig) -> KFold {
    KFold::new(config.data.rows, config.folds, &mut generator(config.seed, Stream::Folds, 0)).unwrap()
}

/// A copy of a network in f64, and the rows it is measured on.
pub(crate) struct Measured {
    pub(crate) net: DynamicNet,
    vars: Vec<Var>,
    pub(crate) x: Tensor,
    pub(crate) y: Tensor,
}

impl Measured {
    pub(crate) fn new(net: &DynamicNet, data: &Dataset, rows: &[u32]) -> Result<Self> {
        let copy = |(name, parameter): (String, &Tensor)| {
            Ok((name, Var::from_tensor(&parameter.detach().to_dtype(DType::F64)?)?))
        };
        let vars: Vec<(String, Var)> = net.named_parameters().map(copy).collect::<Result<_>>()?;
        let tensors = vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
        let net = DynamicNet::new(net.spec(), VarBuilder::from_tensors(tensors, DType::F64, &Device::Cpu))?;
        let vars = vars.into_iter().map(|(_, var)| var).collect();
        let (x, y) = data.select(rows)?;
        Ok(Self { net, vars, x: x.to_dtype(DType::F64)?, y: y.to_dtype(DType::F64)? })
    }

    pub(crate) fn rows(&self) -> usize {
        self.x.dims()[0]
    }

    /// The gradient of `loss`, all parameters one after the other.
    pub(crate) fn gradient(&self, loss: &Tensor) -> Result<Vec<f64>> {
        let gradients = loss.backward()?;
        let mut all = Vec::new();
        for var in &self.vars {
            all.extend(gradients.get(var).unwrap().flatten_all()?.to_vec1::<f64>()?);
        }
        Ok(all)
    }

    /// The gradient at each depth, of all rows or of `batch`.
    pub(crate) fn by_depth(&self, batch: Option<&[u32]>) -> Result<Vec<Vec<f64>>> {
        let (x, y) = match batch {
            None => (self.x.clone(), self.y.clone()),
            Some(batch) => {
                let batch = Tensor::new(batch, &Device::Cpu)?;
                (self.x.index_select(&batch, 0)?, self.y.index_select(&batch, 0)?)
            }
        };
        let gradient = |depth| self.gradient(&mse(&self.net.forward_at_depth(&x, depth)?, &y)?);
        self.net.depths().map(gradient).collect()
    }
}
