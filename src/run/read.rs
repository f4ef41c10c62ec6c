//! Reading a run's folder.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use serde::Deserialize;

use super::checkpoint::{Checkpoint, Checkpoints};
use super::environment::Environment;
use super::layout::{CONFIG, ENVIRONMENT, METRICS, PREDICTIONS, RESULTS};
use super::predictions::Predictions;
use super::record::{EpochRecord, RunRecord, Weights};
use crate::config::CvConfig;
use crate::data::DataSummary;
use crate::error::{Error, Result};
use crate::evaluate::Evaluation;
use crate::nn::{DynamicNet, DynamicNetSpec, seeded_builder};
use crate::random::{Stream, generator};
use crate::results::FoldReport;
use crate::storage::read_json;

/// What the report needs of the results of a cross-validation or of the training of a model.
#[derive(Deserialize)]
struct Results {
    #[serde(default)]
    folds: Vec<FoldReport>,
    #[serde(default)]
    holdout: Option<FoldReport>,
    #[serde(default)]
    pooled: Option<Evaluation>,
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
        let config = CvConfig::from_file(folder.join(CONFIG))?;
        let environment = read_json::<Environment>(&folder.join(ENVIRONMENT));
        let results = folder.join(RESULTS);
        if !results.exists() {
            // A run that was killed early has not written what it is.
            let command = environment.ok().map(|environment| environment.command);
            return Err(Error::Unfinished { folder: folder.to_owned(), command });
        }
        let environment = environment?;
        let Results { folds, holdout, pooled, data, warnings, seconds } = read_json(&results)?;
        let networks = if environment.command == "train" { 1 } else { config.folds };
        Ok(Self {
            command: environment.command.clone(),
            environment: environment.facts(),
            folds: folds.into_iter().chain(holdout).collect(),
            pooled,
            data,
            warnings,
            epochs: epochs(&folder.join(METRICS))?,
            predictions: predictions(&folder.join(PREDICTIONS))?,
            weights: weights(folder, &config, networks)?,
            seconds: Some(seconds),
            config,
        })
    }
}

fn epochs(path: &Path) -> Result<Vec<EpochRecord>> {
    let file = File::open(path).map_err(|source| Error::cannot_read(path, source))?;
    let lines = BufReader::new(file).lines().enumerate();
    let record = |(i, line): (usize, io::Result<String>)| {
        let line = line.map_err(|source| Error::cannot_read(path, source))?;
        let place = format!("{}:{}", path.display(), i + 1);
        serde_json::from_str(&line).map_err(|error| Error::data(place, format!("cannot be read: {error}")))
    };
    lines.map(record).collect()
}

/// The predictions, of which there are none where nothing was held out.
fn predictions(path: &Path) -> Result<Predictions> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Predictions::default()),
        file => {
            let file = file.map_err(|source| Error::cannot_read(path, source))?;
            Predictions::read_csv(&path.display().to_string(), file)
        }
    }
}

/// The weights of all networks before and after training: the first are drawn again, the last are in the
/// checkpoints.
fn weights(folder: &Path, config: &CvConfig, networks: usize) -> Result<Vec<Weights>> {
    let mut weights = Vec::new();
    for fold in 0..networks {
        if let Some(checkpoint) = Checkpoints::of(folder, fold).last_whole()? {
            weights.extend(weights_of(&checkpoint, config, fold)?);
        }
    }
    Ok(weights)
}

/// The weights of the network of `fold` before and after training.
fn weights_of(checkpoint: &Checkpoint, config: &CvConfig, fold: usize) -> Result<Vec<Weights>> {
    let trainer = &checkpoint.trainer;
    let spec =
        DynamicNetSpec::of_parameters(&config.model, |name| Some(trainer.parameter(name).ok()?.dims()));
    let Some(spec) = spec else {
        return Err(candle_core::Error::msg("a checkpoint lacks the parameters of its network").into());
    };
    let init = generator(config.seed, Stream::Init, fold);
    let vb = seeded_builder(&VarMap::new(), init, config.dtype.into(), &Device::Cpu);
    let net = DynamicNet::new(&spec, vb)?;
    let elements = |tensor: &Tensor| tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1();
    let is_weight = |(_, tensor): &(String, &Tensor)| tensor.rank() == 2;
    let weights = net.named_parameters().filter(is_weight).map(|(name, before)| {
        let after = trainer.parameter(&name)?;
        Ok(Weights { fold, before: elements(before)?, after: elements(after)?, name })
    });
    weights.collect()
}
