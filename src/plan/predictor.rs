//! Prediction without a graph, for many rows.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::num::NonZeroUsize;

use candle_core::{DType, Device, Result, Storage, Tensor, bail};
use candle_nn::VarBuilder;

use super::compile::prediction;
use super::cost::flops;
use super::cpu::Element;
use super::exits::Exits;
use super::graph::{Stored, parameters};
use super::inference::{Inference, Piece};
use crate::nn::{DynamicNet, Halting, Weighted};
use crate::ops::kernels::on_cpu;

/// The rows of a block where prediction is left to Candle, so that memory does not grow with their number.
const BLOCK: usize = 4096;

/// Predicts with a snapshot of a network's parameters: the mean over all depths, and the output at each. Of a
/// network with [`Halting`] it is the weighted mean down to the depth where each row exits
/// ([`DynamicNet::predict`]).
///
/// All depths are computed in one pass, by the forward instructions of the network's [plan](crate::plan). On
/// the CPU in `f32` and `f64` rows go in blocks that stay in the cache, on as many threads as
/// [`with_threads`](Self::with_threads) says; other dtypes and devices are left to Candle's operations. Where
/// it is not left to Candle, a row's prediction is the same bit for bit whichever rows come with it and
/// however many threads there are. Nothing has a graph; to train, use the network itself.
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
/// use taper::nn::{DynamicNet, ModelConfig, seeded_builder};
/// use taper::plan::Predictor;
///
/// let vars = VarMap::new();
/// let vb = seeded_builder(&vars, ChaCha8Rng::seed_from_u64(1), DType::F32, &Device::Cpu);
/// let spec = ModelConfig { hidden: 16, ..ModelConfig::default() }.network(8, 1);
/// let predictor = Predictor::new(&DynamicNet::new(&spec, vb)?)?;
/// let x = Tensor::ones((5, 8), DType::F32, &Device::Cpu)?;
/// assert_eq!(predictor.predict(&x)?.dims(), [5, 1]);
/// let all = predictor.predict_all_depths(&x)?;
/// assert_eq!(all.mean.dims(), [5, 1]);
/// assert_eq!(all.by_depth.dims(), [5, 4, 1]);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Predictor {
    backend: Backend,
    /// A copy of the network.
    net: DynamicNet,
    threads: NonZeroUsize,
}

/// What [`Predictor::predict_all_depths`] returns.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// The mean over all depths, or with [`Halting`] the weighted one, (n, out).
    pub mean: Tensor,
    /// The output at every depth, shallowest first, (n, depths, out).
    pub by_depth: Tensor,
    /// Where rows exit, with [`Halting`].
    pub exits: Option<Exits>,
}

#[derive(Debug, Clone)]
enum Backend {
    F32(Inference<f32>),
    F64(Inference<f64>),
    Candle,
}

impl Predictor {
    /// Copies the parameters of `net`; later changes to them do not matter. It has one thread.
    ///
    /// # Errors
    ///
    /// Fails when a layer has no inputs or no outputs, when a batch norm has no
    /// [statistics](DynamicNet::with_statistics), and when the device has no memory for the copy.
    pub fn new(net: &DynamicNet) -> Result<Self> {
        if let Some((name, empty)) = net.named_parameters().find(|(_, tensor)| tensor.elem_count() == 0) {
            bail!("Predictor: {name} is {:?}, expected at least one element", empty.dims())
        }
        let net = copy(net)?;
        let backend = match (net.device(), net.dtype()) {
            (Device::Cpu, DType::F32) => Backend::F32(Inference::new(&net)?),
            (Device::Cpu, DType::F64) => Backend::F64(Inference::new(&net)?),
            _ => Backend::Candle,
        };
        Ok(Self { backend, net, threads: NonZeroUsize::MIN })
    }

    /// The predictor with up to `threads` threads, the caller's among them, on the CPU. Fewer rows than are
    /// worth the start of a thread have fewer.
    #[must_use]
    pub fn with_threads(self, threads: NonZeroUsize) -> Self {
        Self { threads, ..self }
    }

    /// The prediction (n, out) for `x` (n, in): the mean of the outputs at all depths, or with [`Halting`]
    /// the weighted one. By a plan it is computed for each row only down to the depth where it exits.
    ///
    /// # Errors
    ///
    /// Fails when `x` is not a matrix, or differs from the network in the number of features, dtype or
    /// device.
    pub fn predict(&self, x: &Tensor) -> Result<Tensor> {
        self.check(x)?;
        match &self.backend {
            Backend::F32(inference) => Ok(self.by_plan(inference, x, 0)?.mean),
            Backend::F64(inference) => Ok(self.by_plan(inference, x, 0)?.mean),
            Backend::Candle => Ok(self.by_candle(x)?.mean),
        }
    }

    /// The prediction for `x` (n, in), and the outputs at every depth that it is the mean of, whether or not
    /// a row exits before.
    ///
    /// # Errors
    ///
    /// Fails when `x` is not a matrix, or differs from the network in the number of features, dtype or
    /// device.
    pub fn predict_all_depths(&self, x: &Tensor) -> Result<Prediction> {
        self.check(x)?;
        match &self.backend {
            Backend::F32(inference) => self.by_plan(inference, x, self.depths()),
            Backend::F64(inference) => self.by_plan(inference, x, self.depths()),
            Backend::Candle => self.by_candle(x),
        }
    }

    /// Whether rows exit at depths that were learned, with [`Halting`].
    pub fn has_exits(&self) -> bool {
        self.net.gate().is_some()
    }

    /// The floating-point operations of the prediction of a row down to each depth, a multiplication and an
    /// addition being two.
    ///
    /// # Errors
    ///
    /// Fails when the device has no memory for the functions of weights.
    pub fn flops_by_depth(&self) -> Result<BTreeMap<usize, u64>> {
        let net = self.net.folded()?;
        let compiled = prediction(&net, &parameters(&net, Stored::Plain), Stored::Plain)?;
        let ends = compiled.ends().into_iter();
        let down_to = |end: usize| {
            compiled.instructions[..end].iter().map(|instruction| flops(instruction, 1, None)).sum()
        };
        Ok(net.depths().zip(ends.map(down_to)).collect())
    }

    /// Rejects anything but (n, in) with the dtype and on the device of the network.
    fn check(&self, x: &Tensor) -> Result<()> {
        let (net, inputs) = (&self.net, self.net.spec().in_features);
        let fits = x.rank() == 2
            && x.dims()[1] == inputs
            && x.dtype() == net.dtype()
            && x.device().same_device(net.device());
        if !fits {
            bail!(
                "Predictor: x is {:?} {:?} on {:?}, expected {:?} [n, {inputs}] on {:?}",
                x.dtype(),
                x.dims(),
                x.device().location(),
                net.dtype(),
                net.device().location()
            )
        }
        Ok(())
    }

    /// The outputs at the first `depths` of the network's depths, all or none, and the mean over all.
    fn by_plan<T: Element>(&self, inference: &Inference<T>, x: &Tensor, depths: usize) -> Result<Prediction> {
        let (rows, outputs) = (x.dims()[0], self.net.spec().out_features);
        let mut mean = vec![T::default(); rows * outputs];
        let mut by_depth = vec![T::default(); rows * depths * outputs];
        let wanted = if self.net.spec().model.halting == Halting::None { 0 } else { depths };
        let mut exits = vec![0; if wanted > 0 { rows } else { 0 }];
        let mut probabilities = vec![0.; rows * wanted];
        let x = x.contiguous()?;
        let (storage, layout) = x.storage_and_layout();
        let Storage::Cpu(storage) = &*storage else {
            bail!("Predictor: expected a tensor on the CPU, found {layout:?}")
        };
        let x = on_cpu(storage, layout)?;
        let (mean_of, by_depth_of) = (&mut mean[..], &mut by_depth[..]);
        let all = Piece {
            rows,
            x,
            mean: mean_of,
            by_depth: by_depth_of,
            exits: &mut exits,
            probabilities: &mut probabilities,
        };
        inference.predict(self.threads.get(), all)?;
        let first = self.net.spec().model.min_depth;
        let depths_of = exits.into_iter().map(|exit| first + exit).collect();
        Ok(Prediction {
            exits: (wanted > 0).then_some(Exits { depths: depths_of, probabilities }),
            mean: Tensor::from_vec(mean, (rows, outputs), &Device::Cpu)?,
            by_depth: Tensor::from_vec(by_depth, (rows, depths, outputs), &Device::Cpu)?,
        })
    }

    /// The outputs and their mean in blocks of rows, by Candle's operations on the network's device.
    fn by_candle(&self, x: &Tensor) -> Result<Prediction> {
        let (mut mean, mut by_depth, mut exits) = (Vec::new(), Vec::new(), None);
        let rows = x.dims()[0];
        // No rows are a block too.
        for start in (0..rows.max(1)).step_by(BLOCK) {
            let (outputs, weighted) =
                self.net.predict_with(&x.narrow(0, start, BLOCK.min(rows - start))?)?;
            by_depth.push(Tensor::stack(&outputs, 1)?);
            match weighted {
                None => mean.push(Tensor::stack(&outputs, 0)?.mean(0)?),
                Some(weighted) => {
                    let exits = exits.get_or_insert(Exits { depths: Vec::new(), probabilities: Vec::new() });
                    self.add_exits(&weighted, exits)?;
                    mean.push(weighted.mean);
                }
            }
        }
        Ok(Prediction { mean: Tensor::cat(&mean, 0)?, by_depth: Tensor::cat(&by_depth, 0)?, exits })
    }

    /// Adds where the rows of `weighted` exit.
    fn add_exits(&self, weighted: &Weighted, exits: &mut Exits) -> Result<()> {
        let first = self.net.spec().model.min_depth;
        let reached = weighted.is_reached.to_dtype(DType::F64)?.to_vec2::<f64>()?;
        let count = |row: &Vec<f64>| row.iter().filter(|is_reached| **is_reached > 0.).count();
        exits.depths.extend(reached.iter().map(|row| first + count(row).saturating_sub(1)));
        let probabilities = weighted.probabilities.flatten_all()?.to_dtype(DType::F64)?;
        exits.probabilities.extend(probabilities.to_vec1::<f64>()?);
        Ok(())
    }

    fn depths(&self) -> usize {
        self.net.depths().count()
    }
}

/// A network with copies of the parameters as constants.
fn copy(net: &DynamicNet) -> Result<DynamicNet> {
    let tensors = net.named_tensors()?.into_iter().collect();
    DynamicNet::new(net.spec(), VarBuilder::from_tensors(tensors, net.dtype(), net.device()))
}
