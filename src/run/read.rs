//! Reading a run's folder.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::checkpoint::{Checkpoint, Checkpoints};
use super::environment::Environment;
use super::layout::{CONFIG, ENVIRONMENT, METRICS, PREDICTIONS, RESULTS};
use super::manifest::Manifest;
use super::predictions::Predictions;
use super::record::{EpochRecord, RunRecord, Weights, mean_over_members};
use crate::config::{CvConfig, Settings};
use crate::data::DataSummary;
use crate::error::{Error, Result};
use crate::evaluate::Evaluation;
use crate::explain::Explanation;
use crate::metrics::Intervals;
use crate::nn::{DynamicNet, DynamicNetSpec, seeded_builder};
use crate::random::{Stream, generator};
use crate::results::{Baseline, FoldReport, Validation};

/// What the report needs of the results of a cross-validation or of the training of a model.
#[derive(Deserialize)]
struct Results {
    #[serde(default)]
    folds: Vec<FoldReport>,
    #[serde(default)]
    holdout: Option<FoldReport>,
    /// Of the training of a model.
    #[serde(default)]
    validation: Option<Validation>,
    #[serde(default)]
    pooled: Option<Evaluation>,
    #[serde(default)]
    intervals: Option<Intervals>,
    #[serde(default)]
    baselines: Vec<Baseline>,
    #[serde(default)]
    explanation: Option<Explanation>,
    #[serde(default)]
    data: Option<DataSummary>,
    #[serde(default)]
    warnings: Vec<String>,
    seconds: f64,
}

impl RunRecord {
    /// Reads the folder of a finished run.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Unfinished`] when the run is not finished, with [`Error::File`] when a
    /// file cannot be read, and with [`Error::Data`] when one is not what the run wrote.
    pub fn read(folder: &Path) -> Result<Self> {
        let Opened { files, config, environment } = Opened::read(folder)?;
        let Results {
            folds,
            holdout,
            validation,
            pooled,
            intervals,
            baselines,
            explanation,
            data,
            warnings,
            seconds,
        } = files.read_json(RESULTS)?;
        let epochs = files.epochs()?;
        let chosen = |fold: usize| {
            let of_fold = folds.get(fold).and_then(|fold| fold.validation.as_ref());
            of_fold.or(validation.as_ref()).and_then(Validation::chosen).map(|trial| trial.transform)
        };
        let of_chosen = |epoch: &EpochRecord| epoch.target_transform == chosen(epoch.fold);
        let epochs = mean_over_members(epochs.into_iter().filter(of_chosen));
        let predictions = files.predictions()?;
        if predictions.is_empty() && (environment.command != "train" || config.holdout > 0.) {
            let command = Some(environment.command);
            return Err(Error::Unfinished { folder: folder.to_owned(), command });
        }
        let networks = if environment.command == "train" { 1 } else { config.networks() };
        Ok(Self {
            command: environment.command.clone(),
            environment: environment.facts(),
            folds: folds.into_iter().chain(holdout).collect(),
            pooled,
            intervals,
            baselines,
            explanation,
            data,
            warnings,
            epochs,
            predictions,
            weights: weights(folder, &config, networks)?,
            seconds: Some(seconds),
            config,
        })
    }
}

/// The folder of a finished run, with what it says of itself.
pub(super) struct Opened<'a> {
    pub(super) files: Files<'a>,
    pub(super) config: CvConfig,
    pub(super) environment: Environment,
}

impl<'a> Opened<'a> {
    /// Refuses a run that is not finished.
    pub(super) fn read(folder: &'a Path) -> Result<Self> {
        let manifest = Manifest::read(folder)?;
        if let Some(manifest) = manifest.as_ref().filter(|manifest| !manifest.is_done()) {
            let command = Some(manifest.identity.command.clone());
            return Err(Error::Unfinished { folder: folder.to_owned(), command });
        }
        let files = Files { folder, manifest };
        files.read(CONFIG)?;
        let config = CvConfig::clone(&*Settings::of_run(folder.join(CONFIG))?.validate()?);
        let environment = files.read_json::<Environment>(ENVIRONMENT);
        if !folder.join(RESULTS).exists() {
            // A run of an older version that was killed early has not written what it is.
            let command = environment.ok().map(|environment| environment.command);
            return Err(Error::Unfinished { folder: folder.to_owned(), command });
        }
        let environment = environment?;
        Ok(Self { files, config, environment })
    }
}

/// The files of a run, which must be as the run wrote them.
pub(super) struct Files<'a> {
    folder: &'a Path,
    /// Of a run of an older version there is none.
    manifest: Option<Manifest>,
}

impl Files<'_> {
    fn read(&self, name: &str) -> Result<Vec<u8>> {
        Manifest::read_file(self.manifest.as_ref(), self.folder, name)
    }

    pub(super) fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let text = self.read(name)?;
        serde_json::from_slice(&text).map_err(|error| self.damaged(name, None, &error.to_string()))
    }

    fn epochs(&self) -> Result<Vec<EpochRecord>> {
        let text = self.read(METRICS)?;
        let lines = text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
        let record = |(i, line): (usize, &[u8])| {
            serde_json::from_slice(line)
                .map_err(|error| self.damaged(METRICS, Some(i + 1), &error.to_string()))
        };
        lines.map(record).collect()
    }

    /// The predictions, of which there are none where nothing was held out.
    pub(super) fn predictions(&self) -> Result<Predictions> {
        let path = self.folder.join(PREDICTIONS);
        let was_written =
            self.manifest.as_ref().is_some_and(|manifest| manifest.sum_of(PREDICTIONS).is_some());
        if !path.exists() && !was_written {
            return Ok(Predictions::default());
        }
        Predictions::read_csv(&path.display().to_string(), self.read(PREDICTIONS)?.as_slice())
    }

    fn damaged(&self, name: &str, line: Option<usize>, problem: &str) -> Error {
        let path = self.folder.join(name);
        let place =
            line.map_or_else(|| path.display().to_string(), |line| format!("{}:{line}", path.display()));
        Error::data(place, format!("cannot be read: {problem}"))
    }
}

/// The weights of all networks before and after training: the first are drawn again, the last are in the
/// checkpoints.
fn weights(folder: &Path, config: &CvConfig, networks: usize) -> Result<Vec<Weights>> {
    let mut weights = Vec::new();
    for fold in Checkpoints::networks(folder)?.into_iter().filter(|fold| *fold < networks) {
        if let Some(checkpoint) = Checkpoints::of(folder, fold).last_whole()? {
            weights.extend(weights_of(&checkpoint, config, fold)?);
        }
    }
    Ok(weights)
}

/// The weights of the network of `fold` before and after training.
fn weights_of(checkpoint: &Checkpoint, config: &CvConfig, fold: usize) -> Result<Vec<Weights>> {
    let spec =
        DynamicNetSpec::of_parameters(&config.model, |name| Some(checkpoint.parameter(name).ok()?.dims()));
    let Some(spec) = spec else {
        let message = "a checkpoint lacks the parameters of its network, or the settings are another's";
        return Err(candle_core::Error::msg(message).into());
    };
    let init = generator(config.seed, Stream::Init, fold);
    let vb = seeded_builder(&VarMap::new(), init, config.dtype.into(), &Device::Cpu);
    let net = DynamicNet::new(&spec, vb)?;
    let elements = |tensor: &Tensor| tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1();
    let is_weight = |(_, tensor): &(String, &Tensor)| tensor.rank() == 2;
    let weights = net.named_parameters().filter(is_weight).map(|(name, before)| {
        let after = checkpoint.parameter(&name)?;
        Ok(Weights { fold, before: elements(before)?, after: elements(after)?, name })
    });
    weights.collect()
}
