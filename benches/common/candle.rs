//! The training of the default network in plain Candle, for comparison.

use candle_core::{DType, Device, Result, Tensor};
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use taper::config::{ModelConfig, TrainConfig};
use taper::data::Dataset;
use taper::random::{Stream, generator};

#[path = "../../tests/common/plain.rs"]
pub(crate) mod plain;

use plain::Plain;

/// The training of the default network made of nothing but Candle.
pub(crate) struct PlainTrainer {
    pub(crate) net: Plain,
    shuffle: ChaCha8Rng,
    depth: ChaCha8Rng,
}

impl PlainTrainer {
    /// The training of fold `index`.
    pub(crate) fn new(features: usize, index: usize, device: &Device) -> Self {
        Self {
            net: Plain::new(features, device),
            shuffle: generator(1, Stream::Shuffle, index),
            depth: generator(1, Stream::Depth, index),
        }
    }

    /// Makes an epoch's steps with the batches and depths that taper's `Trainer::epoch` draws, and returns
    /// the mean loss.
    pub(crate) fn epoch(&mut self, data: &Dataset, rows: &mut [u32]) -> Result<f64> {
        let TrainConfig { batch_size, .. } = TrainConfig::default();
        let mut sum = Tensor::zeros((), DType::F32, data.x().device())?;
        rows.shuffle(&mut self.shuffle);
        for batch in rows.chunks(batch_size) {
            let batch = Tensor::new(batch, data.x().device())?;
            let (x, y) = (data.x().index_select(&batch, 0)?, data.y().index_select(&batch, 0)?);
            let depth = self.depth.random_range(ModelConfig::default().depths());
            sum = (sum + self.net.step(&x, &y, depth)?)?;
        }
        Ok(f64::from(sum.to_scalar::<f32>()?) / rows.len().div_ceil(batch_size) as f64)
    }
}
