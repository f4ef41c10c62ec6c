//! Trained networks that can be kept, passed on and used.
//!
//! A [`Model`] has all that prediction needs: the network, the columns and categories it was trained on, and
//! the scaling of features and targets. Its file is a plain .safetensors file, so other tools can read its
//! tensors too.

mod explained;
mod file;
mod labelled;
mod network;
mod schema;
mod stream;
mod summary;
mod training;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread;

use candle_core::{DType, Device, Tensor, bail};

use crate::config::FloatType;
use crate::data::{RowOptions, RowReader};
use crate::error::{Error, Result};
use crate::evaluate::Readout;
use crate::metrics::check_level;
use crate::nn::DynamicNet;
use crate::plan::{Prediction, Predictor};
pub use explained::FileExplanation;
pub use labelled::{EvaluateOptions, FileEvaluation};
use network::Network;
pub use schema::Schema;
pub use stream::{Counts, FilePredictions, MissingRows, Outputs, PredictOptions};
pub use summary::{ModelSummary, TensorSummary};
pub use training::{Holdout, Objective, TrainedDepths, Training};

/// A trained network with all that it needs to predict the rows of other files.
///
/// Predictions are made on the CPU, on all of its cores. They are the same bit for bit as those of the
/// training that made the model, if that was on the CPU of such a machine, and do not depend on how the rows
/// are divided.
///
/// # Examples
///
/// ```
/// # use candle_core::{DType, Device};
/// # use candle_nn::VarMap;
/// # use taper::config::ModelConfig;
/// # use taper::model::Schema;
/// # use taper::nn::{DynamicNet, seeded_builder};
/// # use taper::random::{Stream, generator};
/// use taper::Model;
/// # let vb = seeded_builder(&VarMap::new(), generator(1, Stream::Init, 0), DType::F32, &Device::Cpu);
/// # let net = DynamicNet::new(&ModelConfig::default().network(2, 1), vb)?;
/// # let folder = std::env::temp_dir().join(format!("taper-model-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let (model, data) = (folder.join("model.safetensors"), folder.join("new.csv"));
/// # Model::new(&net, Schema::unnamed(2, 1))?.save(&model)?;
/// # std::fs::write(&data, "x1,x0\n1,2\n3,4\n5,6\n")?;
///
/// let model = Model::load(model)?;
/// let x = model.read(data)?;
/// let y = model.predict(&x)?;
/// assert_eq!(y.dims(), [3, 1]);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Model {
    network: Network,
    net: DynamicNet,
    /// The parameters by their names, and the statistics of a batch norm, constants on the CPU.
    tensors: BTreeMap<String, Tensor>,
    predictor: Predictor,
    schema: Schema,
    training: Option<Training>,
    /// The version of taper that made it.
    taper: String,
}

impl Model {
    /// Copies the parameters of `net`, whose rows are as `schema` says.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Data`] when `schema` does not fit the network or makes no sense, or when a
    /// parameter is not finite.
    pub fn new(net: &DynamicNet, schema: Schema) -> Result<Self> {
        let dtype = match net.dtype() {
            DType::F32 => FloatType::F32,
            DType::F64 => FloatType::F64,
            dtype => return Err(refused(&format!("has a network of {dtype:?}, expected F32 or F64"))),
        };
        let on_cpu = |(name, tensor): (String, Tensor)| Ok((name, tensor.to_device(&Device::Cpu)?));
        let tensors = net.named_tensors()?.into_iter().map(on_cpu).collect::<Result<_>>()?;
        let network = Network { spec: net.spec().clone(), dtype };
        Self::assemble(network, tensors, schema).map_err(|problem| refused(&problem))
    }

    /// Puts a model together if its parts belong together; else the error continues a sentence that begins
    /// with the model.
    fn assemble(network: Network, tensors: BTreeMap<String, Tensor>, schema: Schema) -> Result<Self, String> {
        if let Some(problem) = schema.problem() {
            return Err(problem);
        }
        let widths = (schema.width(), schema.outputs());
        let spec = &network.spec;
        if widths != (spec.in_features, spec.out_features) {
            let (targets, outputs) = (schema.targets.len(), spec.out_features);
            let of_quantiles = schema
                .quantiles
                .map_or(String::new(), |quantiles| format!(" with {} quantiles each", quantiles.len()));
            return Err(format!(
                "has columns for {} features and {targets} targets{of_quantiles}, and a network for {} and {outputs}",
                widths.0, spec.in_features
            ));
        }
        let net = network.build(&tensors)?;
        let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let predictor = Predictor::new(&net).map_err(|error| format!("cannot be used: {error}"))?;
        let predictor = predictor.with_threads(threads);
        let taper = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Self { network, net, tensors, predictor, schema, training: None, taper })
    }

    /// The model with facts about its training.
    #[must_use]
    pub fn with_training(self, training: Training) -> Self {
        Self { training: Some(training), ..self }
    }

    /// The model that fills missing features in with the means of its training, even if there were none
    /// missing.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] of the key `missing` when it does not know them, since its features are
    /// not scaled.
    pub fn filling_missing(mut self) -> Result<Self> {
        self.check_means()?;
        self.schema.fills_missing = true;
        Ok(self)
    }

    /// Refuses to fill in means that are not known.
    fn check_means(&self) -> Result<()> {
        if self.schema.feature_scaling.is_some() {
            return Ok(());
        }
        let problem =
            "is mean, but the model does not know the means: its features were not scaled in training";
        Err(Error::config("missing", problem))
    }

    /// Refuses intervals of `level` where it does not know errors on new rows, or those of too few.
    pub(super) fn check_interval(&self, level: f64) -> Result<()> {
        let Some(residuals) = self.schema.residuals.as_ref().and_then(|residuals| residuals.first()) else {
            let problem = format!(
                "is {level}, but the model does not know its errors on rows for validation: it was trained without \
                 `interval`"
            );
            return Err(Error::config("interval", problem));
        };
        if !(level > 0. && level < 1.) {
            return Err(Error::config(
                "interval",
                format!("is {level}, expected a number above 0 and below 1"),
            ));
        }
        check_level(level, residuals.rows(), "for validation")
    }

    /// What it knows of its data.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Its network, whose parameters are constants on the CPU.
    pub fn network(&self) -> &DynamicNet {
        &self.net
    }

    /// The type of its parameters, and of its features once they are scaled.
    pub fn dtype(&self) -> FloatType {
        self.network.dtype
    }

    /// The parameters by their names, such as `hidden.weight`, on the CPU, and the
    /// [statistics](DynamicNet::named_statistics) of a batch norm.
    pub fn parameters(&self) -> &BTreeMap<String, Tensor> {
        &self.tensors
    }

    /// Facts about its training, if they are known.
    pub fn training(&self) -> Option<&Training> {
        self.training.as_ref()
    }

    /// The version of taper that made it.
    pub fn taper_version(&self) -> &str {
        &self.taper
    }

    /// Reads all rows of a file of data: the features (n, features) in f64, for [`predict`](Self::predict). A
    /// file too large for the memory is for [`RowReader`], or [`predict_file`](Self::predict_file).
    ///
    /// # Errors
    ///
    /// As [`RowReader`], and with [`Error::NoRows`] when the file has none.
    pub fn read(&self, file: impl AsRef<Path>) -> Result<Tensor> {
        let (allow_missing, na) = (self.schema.fills_missing, self.schema.na.clone());
        let options = RowOptions { allow_missing, na, ..RowOptions::default() };
        let mut rows = RowReader::open(file.as_ref(), &self.schema.features, self.dtype(), options)?;
        Ok(rows.next_block(usize::MAX)?.ok_or(Error::NoRows)?.x)
    }

    /// Predicts the targets (n, targets), in their own units and in `f64`, of the features `x` (n, features)
    /// as they are in the data: not scaled, of f32 or f64, a missing value NaN. Of a model of quantiles it is
    /// the median, or the [middle one](crate::ops::Quantiles::point).
    ///
    /// # Errors
    ///
    /// Fails when `x` has another shape, type or device than the CPU, or a missing value that the model does
    /// not fill in.
    pub fn predict(&self, x: &Tensor) -> Result<Tensor> {
        self.check(x)?;
        self.predict_any(x)
    }

    /// Predicts the quantiles of the targets (n, targets, quantiles), as [`predict`](Self::predict) the
    /// targets themselves. They are in ascending order: where outputs of the network cross they are sorted.
    ///
    /// # Errors
    ///
    /// As [`predict`](Self::predict), and when the model was not trained for quantiles.
    pub fn predict_quantiles(&self, x: &Tensor) -> Result<Tensor> {
        self.check(x)?;
        let Some(quantiles) = self.schema.quantiles else {
            let message = "Model: it predicts no quantiles, expected one trained with the loss `quantile`";
            return Err(candle_core::Error::msg(message).into());
        };
        let outputs = self.predictor.predict(&self.scaled(x)?)?;
        let shape = (x.dims()[0], self.schema.targets.len(), quantiles.len());
        Ok(Tensor::from_vec(self.readout().read(&outputs)?.quantiles, shape, &Device::Cpu)?)
    }

    /// The prediction as by [`predict`](Self::predict), and the outputs at every depth that it is the mean
    /// of, (n, depths, targets).
    ///
    /// # Errors
    ///
    /// As [`predict`](Self::predict).
    pub fn predict_all_depths(&self, x: &Tensor) -> Result<Prediction> {
        self.check(x)?;
        self.predict_any_at_all_depths(x)
    }

    /// As [`predict`](Self::predict), with missing values filled in if the means are known, and else as they
    /// are.
    fn predict_any(&self, x: &Tensor) -> Result<Tensor> {
        self.points(&self.predictor.predict(&self.scaled(x)?)?)
    }

    fn predict_any_at_all_depths(&self, x: &Tensor) -> Result<Prediction> {
        let Prediction { mean, by_depth, exits } = self.predictor.predict_all_depths(&self.scaled(x)?)?;
        Ok(Prediction { mean: self.points(&mean)?, by_depth: self.points(&by_depth)?, exits })
    }

    /// The features as the network takes them.
    fn scaled(&self, x: &Tensor) -> Result<Tensor> {
        let encoded = self.schema.category_means.as_ref().map(|means| means.apply(x)).transpose()?;
        let x = encoded.as_ref().unwrap_or(x);
        match &self.schema.feature_scaling {
            Some(scaling) => Ok(scaling.apply_to_units(x, self.dtype().into())?),
            None => Ok(x.to_dtype(self.dtype().into())?),
        }
    }

    fn check(&self, x: &Tensor) -> candle_core::Result<()> {
        let width = self.network.spec.in_features;
        let is_float = [DType::F32, DType::F64].contains(&x.dtype());
        if x.rank() != 2 || x.dims()[1] != width || !is_float || !x.device().is_cpu() {
            bail!(
                "Model: x is {:?} {:?} on {:?}, expected F32 or F64 [n, {width}] on the CPU",
                x.dtype(),
                x.dims(),
                x.device().location()
            )
        }
        // A sum over all is NaN if one of them is, or infinities cancel.
        let may_have_missing =
            x.elem_count() > 0 && x.sum_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?.is_nan();
        if self.schema.fills_missing || !may_have_missing {
            return Ok(());
        }
        let values: Vec<f64> = x.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?;
        if let Some(at) = values.iter().position(|value| value.is_nan()) {
            let name = self.schema.feature_name(at % width);
            bail!(
                "Model: x[{}, {}], {name}, is NaN, a missing value, of which the model has learnt none; \
                 `filling_missing` fills the mean of its training in",
                at / width,
                at % width
            )
        }
        Ok(())
    }

    /// What the outputs of the network are.
    fn readout(&self) -> Readout<'_> {
        let Schema { target_scaling, quantiles, .. } = &self.schema;
        Readout { scaling: target_scaling.as_ref(), quantiles: *quantiles }
    }

    /// The predictions (..., targets) of outputs of the network (..., outputs), in the units of the targets.
    fn points(&self, outputs: &Tensor) -> Result<Tensor> {
        let mut shape = outputs.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = self.schema.targets.len();
        }
        Ok(Tensor::from_vec(self.readout().read(outputs)?.points, shape, &Device::Cpu)?)
    }
}

/// The error of parts that make no model.
fn refused(problem: &str) -> Error {
    Error::data("the model", problem)
}
