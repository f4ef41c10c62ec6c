//! The training of one network on some rows of a data set.

use candle_core::{DType, Tensor, Var};
use candle_nn::{Optimizer, VarMap};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::config::TrainConfig;
use crate::data::{Dataset, shuffled_batches};
use crate::error::{Error, Result};
use crate::nn::{DynamicNet, mse_loss, named_vars};
use crate::optim::AdamW;
use crate::random::{Stream, generator};

/// Trains a [`DynamicNet`] with [`AdamW`] on the mean squared error, at a depth drawn for every step.
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
    params: Vec<(String, Var)>,
    optimizer: AdamW,
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
        let params = named_vars(vars);
        let optimizer = AdamW::new(params.iter().map(|(_, var)| var.clone()).collect(), config.optimizer())?;
        Ok(Self {
            net,
            params,
            optimizer,
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
    /// Fails with [`Error::NotFinite`] at the first loss or gradient that is not finite, and with [`Error::NoRows`]
    /// when there are no rows.
    pub fn epoch(&mut self, data: &Dataset, rows: &mut [u32]) -> Result<f64> {
        let count = rows.len();
        if count == 0 {
            return Err(Error::NoRows);
        }
        let mut sum = 0.;
        self.step = 0;
        for batch in shuffled_batches(rows, self.batch_size, &mut self.shuffle) {
            let depth = self.depth.random_range(self.net.depths());
            let (x, y) = data.select(batch)?;
            sum += self.step(&x, &y, depth)? * batch.len() as f64;
        }
        self.epoch += 1;
        Ok(sum / count as f64)
    }

    /// Makes one step on the batch `x` (n, features), `y` (n, targets) at `depth`, and returns the loss before it.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NotFinite`], and leaves the parameters alone, when the loss or a gradient is not finite.
    pub fn step(&mut self, x: &Tensor, y: &Tensor, depth: usize) -> Result<f64> {
        let not_finite = |what| Error::NotFinite { what, epoch: self.epoch, step: self.step, depth };
        let loss = mse_loss(&self.net.forward_at_depth(x, depth)?, y)?;
        let value = loss.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        if !value.is_finite() {
            return Err(not_finite("the loss".to_owned()));
        }
        let grads = loss.backward()?;
        for (name, var) in &self.params {
            if let Some(grad) = grads.get(var)
                && !is_finite(grad)?
            {
                return Err(not_finite(format!("the gradient of {name}")));
            }
        }
        self.optimizer.step(&grads)?;
        self.step += 1;
        Ok(value)
    }
}

/// Whether every element of `x` is finite.
fn is_finite(x: &Tensor) -> candle_core::Result<bool> {
    // Zero times a finite number is zero; zero times an infinity or NaN is NaN, and so is then the sum.
    let zeros = (x.detach() * 0.)?.sum_all()?.to_dtype(DType::F64)?;
    Ok(zeros.to_scalar::<f64>()? == 0.)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn what_is_not_finite_is_seen() {
        let finite = |x: &[f32]| is_finite(&Tensor::new(x, &Device::Cpu).unwrap()).unwrap();
        assert!(finite(&[0., -1., f32::MAX, f32::MAX, f32::MIN_POSITIVE]));
        assert!(!finite(&[0., f32::NAN]));
        assert!(!finite(&[f32::INFINITY, 1.]));
        assert!(!finite(&[f32::NEG_INFINITY, f32::INFINITY]));
    }
}
