//! Prediction without a graph, for many rows.

mod float;
mod trunk;

use std::collections::HashMap;
use std::fmt::Debug;
use std::num::NonZeroUsize;

use candle_core::{DType, Device, Result, Storage, Tensor, bail};
use candle_nn::VarBuilder;

use crate::nn::dynamic_net::mean_over_depths;
use crate::nn::{CosInit, DynamicNet, DynamicNetConfig, Layer, LayerKind};
use crate::ops::kernels::on_cpu;
use crate::ops::kernels::simd::SimdFloat;
pub use float::Float;
use trunk::Trunk;

/// How many rows are predicted at a time where that is left to Candle, so that memory does not grow with their number.
const BLOCK: usize = 4096;

/// Predicts with a snapshot of a network's parameters: the mean over all depths, and the output at each.
///
/// All depths are computed in one pass down the shared trunk. On the CPU in `f32` and `f64` rows go in blocks that stay
/// in the cache, on as many threads as [`with_threads`](Self::with_threads) says; other dtypes and devices are left to
/// Candle's operations. A row's prediction is the same to the bit whatever rows come with it and however many threads there
/// are, where it is not left to Candle. Nothing has a graph; to train, use the network itself.
///
/// PyTorch's equivalent is the network under `torch.inference_mode()`.
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::VarMap;
/// use rand::SeedableRng;
/// use rand_chacha::ChaCha8Rng;
/// use taper::nn::{DynamicNet, DynamicNetConfig, LayerKind, Predictor, seeded_builder};
///
/// let vars = VarMap::new();
/// let vb = seeded_builder(&vars, ChaCha8Rng::seed_from_u64(1), DType::F32, &Device::Cpu);
/// let config = DynamicNetConfig {
///     in_features: 8,
///     hidden: 16,
///     out_features: 1,
///     depths: 1..=4,
///     layer: LayerKind::Linear,
/// };
/// let predictor = Predictor::new(&DynamicNet::new(&config, vb)?)?;
/// let x = Tensor::ones((5, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(predictor.predict(&x)?.dims(), [5, 1]);
/// let all = predictor.predict_all_depths(&x)?;
/// assert_eq!(all.mean.dims(), [5, 1]);
/// assert_eq!(all.by_depth.dims(), [5, 4, 1]);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Predictor {
    engine: Engine,
    /// A copy of the network.
    net: DynamicNet,
    threads: NonZeroUsize,
}

/// What [`Predictor::predict_all_depths`] returns.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// The mean over all depths, (n, out).
    pub mean: Tensor,
    /// The output at every depth, shallowest first, (n, depths, out).
    pub by_depth: Tensor,
}

#[derive(Debug, Clone)]
enum Engine {
    F32(Trunk<f32>),
    F64(Trunk<f64>),
    Candle,
}

impl Predictor {
    /// Copies the parameters of `net`: what becomes of them later does not matter. It has one thread.
    ///
    /// # Errors
    ///
    /// Fails when a layer has no inputs or no outputs, and when the device has no memory for the copy.
    pub fn new(net: &DynamicNet) -> Result<Self> {
        if let Some(layer) = net.layers().iter().find(|layer| layer.weight().elem_count() == 0) {
            bail!("Predictor: a weight is {:?}, expected at least one element", layer.weight().dims())
        }
        let net = copy(net)?;
        let weight = net.layers()[0].weight();
        let engine = match (weight.device(), weight.dtype()) {
            (Device::Cpu, DType::F32) => Engine::F32(Trunk::new(&net)?),
            (Device::Cpu, DType::F64) => Engine::F64(Trunk::new(&net)?),
            _ => Engine::Candle,
        };
        Ok(Self { engine, net, threads: NonZeroUsize::MIN })
    }

    /// The predictor with up to `threads` threads, the caller's among them, on the CPU. Fewer rows than are worth the start
    /// of a thread have fewer.
    #[must_use]
    pub fn with_threads(self, threads: NonZeroUsize) -> Self {
        Self { threads, ..self }
    }

    /// The prediction (n, out) for `x` (n, in): the mean of the outputs at all depths.
    ///
    /// # Errors
    ///
    /// Fails when `x` is no matrix, or has another number of features, dtype or device than the network.
    pub fn predict(&self, x: &Tensor) -> Result<Tensor> {
        self.check(x)?;
        match &self.engine {
            Engine::F32(trunk) => Ok(self.by_trunk(trunk, x, 0)?.mean),
            Engine::F64(trunk) => Ok(self.by_trunk(trunk, x, 0)?.mean),
            Engine::Candle => Ok(self.by_candle(x)?.mean),
        }
    }

    /// The prediction for `x` (n, in), and the outputs at every depth that it is the mean of.
    ///
    /// # Errors
    ///
    /// Fails when `x` is no matrix, or has another number of features, dtype or device than the network.
    pub fn predict_all_depths(&self, x: &Tensor) -> Result<Prediction> {
        self.check(x)?;
        match &self.engine {
            Engine::F32(trunk) => self.by_trunk(trunk, x, self.depths()),
            Engine::F64(trunk) => self.by_trunk(trunk, x, self.depths()),
            Engine::Candle => self.by_candle(x),
        }
    }

    /// Predicts rows in row-major order: `x` is (n, in), `mean` becomes (n, out), and `by_depth`, if there is one, (n, depths,
    /// out). The network's dtype is that of the slices.
    ///
    /// Beside the slices it takes no memory that grows with n, so rows of any number can be read, predicted and written in
    /// portions; how they are cut does not change a bit of the predictions on the CPU.
    ///
    /// # Errors
    ///
    /// Fails when the slices have not one number of rows, or when the network has another dtype.
    ///
    /// # Examples
    ///
    /// ```
    /// # use candle_core::{DType, Device};
    /// # use candle_nn::VarMap;
    /// # use rand::SeedableRng;
    /// # use rand_chacha::ChaCha8Rng;
    /// # use taper::nn::{DynamicNet, DynamicNetConfig, LayerKind, Predictor, seeded_builder};
    /// # let vars = VarMap::new();
    /// # let vb = seeded_builder(&vars, ChaCha8Rng::seed_from_u64(1), DType::F32, &Device::Cpu);
    /// # let (depths, layer) = (1..=4, LayerKind::Linear);
    /// # let config = DynamicNetConfig { in_features: 8, hidden: 16, out_features: 1, depths, layer };
    /// # let net = DynamicNet::new(&config, vb)?;
    /// // 8 features, 4 depths, 1 output; a portion of 3 rows.
    /// let predictor = Predictor::new(&net)?;
    /// let (x, mut mean, mut by_depth) = ([1f32; 3 * 8], [0.; 3], [0.; 3 * 4]);
    /// predictor.predict_rows(&x, &mut mean, Some(&mut by_depth))?;
    /// assert_eq!(mean[1], by_depth[4..8].iter().sum::<f32>() / 4.);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    pub fn predict_rows<T: Float>(&self, x: &[T], mean: &mut [T], by_depth: Option<&mut [T]>) -> Result<()> {
        let (weight, [inputs, outputs]) = (self.weight(), self.widths());
        if T::DTYPE != weight.dtype() {
            bail!("Predictor: the rows are {:?}, the network is {:?}", T::DTYPE, weight.dtype())
        }
        let rows = x.len() / inputs;
        let by_depth_len = by_depth.as_ref().map(|by_depth| by_depth.len());
        let fits = x.len() == rows * inputs
            && mean.len() == rows * outputs
            && by_depth_len.is_none_or(|len| len == rows * self.depths() * outputs);
        if !fits {
            bail!(
                "Predictor: x has {} elements, mean {} and by_depth {by_depth_len:?}, expected n x {inputs}, n x {outputs} \
                 and n x {} x {outputs}",
                x.len(),
                mean.len(),
                self.depths()
            )
        }
        T::predict_rows(self, x, mean, by_depth)
    }

    /// Refuses what is not (n, in) with the dtype and on the device of the network.
    fn check(&self, x: &Tensor) -> Result<()> {
        let (weight, [inputs, _]) = (self.weight(), self.widths());
        let fits = x.rank() == 2
            && x.dims()[1] == inputs
            && x.dtype() == weight.dtype()
            && x.device().same_device(weight.device());
        if !fits {
            bail!(
                "Predictor: x is {:?} {:?} on {:?}, expected {:?} [n, {inputs}] on {:?}",
                x.dtype(),
                x.dims(),
                x.device().location(),
                weight.dtype(),
                weight.device().location()
            )
        }
        Ok(())
    }

    /// The outputs at the first `depths` of the network's depths, all or none, and the mean over all.
    fn by_trunk<T: SimdFloat>(&self, trunk: &Trunk<T>, x: &Tensor, depths: usize) -> Result<Prediction> {
        let (rows, [_, outputs]) = (x.dims()[0], self.widths());
        let mut mean = vec![T::default(); rows * outputs];
        let mut by_depth = vec![T::default(); rows * depths * outputs];
        let x = x.contiguous()?;
        let (storage, layout) = x.storage_and_layout();
        let Storage::Cpu(storage) = &*storage else {
            bail!("Predictor: expected a tensor on the CPU, found {layout:?}")
        };
        trunk.predict(self.threads.get(), on_cpu(storage, layout)?, &mut mean, &mut by_depth);
        Ok(Prediction {
            mean: Tensor::from_vec(mean, (rows, outputs), &Device::Cpu)?,
            by_depth: Tensor::from_vec(by_depth, (rows, depths, outputs), &Device::Cpu)?,
        })
    }

    /// The outputs and their mean in blocks of rows, by Candle's operations on the network's device.
    fn by_candle(&self, x: &Tensor) -> Result<Prediction> {
        let (mut mean, mut by_depth) = (Vec::new(), Vec::new());
        let rows = x.dims()[0];
        // No rows are a block too.
        for start in (0..rows.max(1)).step_by(BLOCK) {
            let outputs = self.net.forward_all_depths(&x.narrow(0, start, BLOCK.min(rows - start))?)?;
            mean.push(mean_over_depths(&outputs)?);
            by_depth.push(Tensor::stack(&outputs, 1)?);
        }
        Ok(Prediction { mean: Tensor::cat(&mean, 0)?, by_depth: Tensor::cat(&by_depth, 0)? })
    }

    /// The first parameter, whose dtype and device are the network's.
    fn weight(&self) -> &Tensor {
        self.net.layers()[0].weight()
    }

    /// The features and the outputs of a row.
    fn widths(&self) -> [usize; 2] {
        let [input, _, output] = self.net.layers();
        [input.weight().dims()[1], output.weight().dims()[0]]
    }

    fn depths(&self) -> usize {
        self.net.depths().count()
    }
}

/// A network with copies of the parameters as constants.
fn copy(net: &DynamicNet) -> Result<DynamicNet> {
    let [input, hidden, output] = net.layers();
    let mut parameters = HashMap::new();
    for (name, layer) in [("input", input), ("hidden", hidden), ("output", output)] {
        parameters.insert(format!("{name}.weight"), layer.weight().detach().copy()?);
        if let Some(bias) = layer.bias() {
            parameters.insert(format!("{name}.bias"), bias.detach().copy()?);
        }
    }
    let (out_features, hidden_features) = output.weight().dims2()?;
    let config = DynamicNetConfig {
        in_features: input.weight().dims2()?.1,
        hidden: hidden_features,
        out_features,
        depths: net.depths(),
        // The parameters are given, so their initialisation is not.
        layer: match input {
            Layer::Linear(_) => LayerKind::Linear,
            Layer::Cos(_) => LayerKind::Cos(CosInit::default()),
        },
    };
    let weight = input.weight();
    DynamicNet::new(&config, VarBuilder::from_tensors(parameters, weight.dtype(), weight.device()))
}
