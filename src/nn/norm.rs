//! The normalisation of activations.

use candle_core::{DType, Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use crate::nn::Linear;
use crate::ops::{NormKind, batch_norm, layer_norm, mul, rms_norm};

/// How a [`DynamicNet`](crate::nn::DynamicNet) normalises the activations before its hidden layer, at each
/// application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// Not at all.
    #[default]
    None,
    /// Divided by their root mean square, with a scale that is learnt ([`rms_norm`]).
    Rms,
    /// Brought to mean 0 and standard deviation 1, with a scale and a shift that are learnt ([`layer_norm`]).
    Layer,
    /// Each of them brought to mean 0 and standard deviation 1 over rows, with a scale and a shift that are
    /// learnt ([`batch_norm`]): in a training step over those of the batch, in a prediction by
    /// [statistics](crate::nn::DynamicNet::with_statistics) that each application has of its own.
    Batch,
}

impl Norm {
    /// Its name in a configuration: `none`, `rms`, `layer` or `batch`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Rms => "rms",
            Self::Layer => "layer",
            Self::Batch => "batch",
        }
    }

    /// The operation, if there is one.
    pub(super) fn kind(self) -> Option<NormKind> {
        match self {
            Self::None => None,
            Self::Rms => Some(NormKind::Rms),
            Self::Layer => Some(NormKind::Layer),
            Self::Batch => Some(NormKind::Batch),
        }
    }
}

/// A normalisation with its parameters.
#[derive(Debug, Clone)]
pub(crate) struct NormLayer {
    kind: NormKind,
    scale: Tensor,
    shift: Option<Tensor>,
    /// Of a batch norm the mean and the variance (width) by which each application in turn predicts, as far
    /// as they are known. They are constants.
    statistics: Vec<[Tensor; 2]>,
}

/// The names of the statistics beside those of the parameters.
const STATISTICS: [&str; 2] = ["mean", "variance"];

impl NormLayer {
    /// Creates it for rows of `width` activations with the parameters `weight`, of ones, and if it is centred
    /// `bias`, of zeros, of `vb`; and with the statistics of so many applications that it may hold.
    pub(super) fn new(kind: NormKind, width: usize, applications: usize, vb: &VarBuilder) -> Result<Self> {
        let scale = vb.get_with_hints(width, "weight", Init::Const(1.))?;
        let shift =
            kind.is_centred().then(|| vb.get_with_hints(width, "bias", Init::Const(0.))).transpose()?;
        let mut statistics = Vec::new();
        if kind == NormKind::Batch && STATISTICS.iter().all(|name| vb.contains_tensor(name)) {
            let [mean, variance] = STATISTICS.map(|name| vb.get((applications, width), name));
            let (mean, variance) = (mean?.detach(), variance?.detach());
            for application in 0..applications {
                statistics.push([mean.get(application)?, variance.get(application)?]);
            }
        }
        Ok(Self { kind, scale, shift, statistics })
    }

    pub(crate) fn kind(&self) -> NormKind {
        self.kind
    }

    /// (width), named `weight` as in PyTorch.
    pub(crate) fn scale(&self) -> &Tensor {
        &self.scale
    }

    /// (width), named `bias` as in PyTorch.
    pub(crate) fn shift(&self) -> Option<&Tensor> {
        self.shift.as_ref()
    }

    /// The parameters with their names.
    pub(super) fn named_parameters(&self) -> impl Iterator<Item = (&'static str, &Tensor)> {
        [("weight", &self.scale)].into_iter().chain(self.shift.as_ref().map(|shift| ("bias", shift)))
    }

    /// The statistics (applications, width) with their names, if they are known.
    pub(super) fn named_statistics(&self) -> Result<Vec<(&'static str, Tensor)>> {
        if self.statistics.is_empty() {
            return Ok(Vec::new());
        }
        let stack = |(i, name): (usize, &'static str)| {
            let rows: Vec<_> = self.statistics.iter().map(|both| &both[i]).collect();
            Ok((name, Tensor::stack(&rows, 0)?))
        };
        STATISTICS.into_iter().enumerate().map(stack).collect()
    }

    /// The same with constants as parameters.
    pub(super) fn detached(&self) -> Self {
        let (scale, shift) = (self.scale.detach(), self.shift.as_ref().map(Tensor::detach));
        Self { scale, shift, ..self.clone() }
    }

    /// The same with these statistics, of each application a mean and a variance.
    pub(super) fn with_statistics(&self, statistics: Vec<[Tensor; 2]>) -> Self {
        Self { statistics, ..self.clone() }
    }

    /// What it makes of x, the activations before this application; in a training step a batch norm goes by
    /// the rows of x, else by its statistics.
    pub(super) fn forward(&self, application: usize, x: &Tensor, trains: bool) -> Result<Tensor> {
        match (self.kind, &self.shift) {
            (NormKind::Batch, Some(shift)) if trains => batch_norm(x, &self.scale, shift),
            (NormKind::Batch, _) => self.by_statistics(application, x),
            (_, Some(shift)) => layer_norm(x, &self.scale, shift),
            (_, None) => rms_norm(x, &self.scale),
        }
    }

    /// (x - m) a + t with the [parts](Self::parts) of this application. Operands of 16 bits are widened.
    fn by_statistics(&self, application: usize, x: &Tensor) -> Result<Tensor> {
        let wide = if x.dtype().size_in_bytes() < 4 { DType::F32 } else { x.dtype() };
        let [m, a, t] = self.parts(application)?.map(|part| part.to_dtype(wide));
        let scaled = mul(&x.to_dtype(wide)?.broadcast_sub(&m?)?, &a?)?;
        scaled.broadcast_add(&t?)?.to_dtype(x.dtype())
    }

    /// The mean m, the scale over the standard deviation a, and the shift t by which this application
    /// predicts, (width) in f64: n(x) = (x - m) a + t.
    fn parts(&self, application: usize) -> Result<[Tensor; 3]> {
        let (Some([mean, variance]), Some(shift)) = (self.statistics.get(application), &self.shift) else {
            bail!(
                "DynamicNet: its batch norm has no statistics to predict by, expected those that `with_statistics` \
                 takes of rows; a training step is `forward_in_training`"
            )
        };
        let [mean, variance, scale, shift] =
            [mean, variance, &self.scale, shift].map(|x| x.to_dtype(DType::F64));
        let a = (scale? / (variance? + NormKind::EPSILON)?.sqrt()?)?;
        Ok([mean?, a, shift?])
    }

    /// The layer that computes W n(x) + b at once, for the matrix W (out, width) and the bias b of `layer`,
    /// with the statistics of this application: its matrix is W diag(a), its bias b + W (t - m a). They are
    /// computed in f64 and rounded once.
    pub(super) fn folded_into(&self, application: usize, layer: &Linear) -> Result<Linear> {
        let [m, a, t] = self.parts(application)?;
        let c = (t - (m * &a)?)?;
        let dtype = layer.weight().dtype();
        let weight = layer.weight().to_dtype(DType::F64)?;
        let mut bias = weight.matmul(&c.unsqueeze(1)?)?.squeeze(1)?;
        if let Some(before) = layer.bias() {
            bias = (bias + before.to_dtype(DType::F64)?)?;
        }
        let weight = weight.broadcast_mul(&a)?.to_dtype(dtype)?;
        Ok(Linear::from_tensors(weight, Some(bias.to_dtype(dtype)?)))
    }
}
