//! Reading a run's folder.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::checkpoint::Checkpoint;
use super::directory::{CONFIG, ENVIRONMENT, METRICS, PREDICTIONS, RESULTS};
use super::{Checkpoints, Environment, EpochRecord, Predictions, RunRecord, Weights, resume_call};
use crate::config::{CvConfig, KEYS};
use crate::error::{Error, Result};
use crate::nn::{DynamicNet, DynamicNetSpec, seeded_builder};
use crate::random::{Stream, generator};
use crate::report::FoldReport;

/// What the report needs of the results of `taper cv`, or of `taper train`.
#[derive(Deserialize)]
struct Results {
    #[serde(default)]
    folds: Vec<FoldReport>,
    #[serde(default)]
    holdout: Option<FoldReport>,
    seconds: f64,
}

impl RunRecord {
    /// Reads the folder of a run that is done.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when a file cannot be read, and with [`Error::Data`] when one is not what the run wrote or the run is
    /// not done.
    pub fn read(folder: &Path) -> Result<Self> {
        let config = CvConfig::from_file(folder.join(CONFIG))?;
        let environment = json::<Environment>(&folder.join(ENVIRONMENT));
        let results = folder.join(RESULTS);
        if !results.exists() {
            let problem = match environment {
                Ok(Environment { command, .. }) => {
                    format!("is a run that is not done; `{}` goes on", resume_call(&command, folder))
                }
                // It was killed before it had written what it is.
                Err(_) => {
                    "is a run that is not done; the command that began it goes on with --resume".to_owned()
                }
            };
            return Err(Error::data(folder.display(), problem));
        }
        let environment = environment?;
        let Results { folds, holdout, seconds } = json(&results)?;
        let networks = if environment.command == "train" { 1 } else { config.folds };
        Ok(Self {
            command: format!("taper {}", environment.command),
            config: settings(&config, &environment.command),
            environment: environment.facts(),
            layer: config.model.layer,
            folds: folds.into_iter().chain(holdout).collect(),
            epochs: epochs(&folder.join(METRICS))?,
            predictions: predictions(&folder.join(PREDICTIONS))?,
            weights: weights(folder, &config, networks)?,
            seconds: Some(seconds),
        })
    }
}

/// The keys and values of `config` that have a meaning in it and for `command`.
fn settings(config: &CvConfig, command: &str) -> Vec<(String, String)> {
    let of_another = if command == "train" { "folds" } else { "holdout" };
    let document = serde_json::to_value(config).unwrap_or_default();
    let value = |key: &str| {
        let value = document.pointer(&format!("/{}", key.replace('.', "/")))?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let keys = KEYS.iter().filter(|key| **key != of_another);
    keys.filter_map(|key| Some(((*key).to_owned(), value(key)?))).collect()
}

/// The JSON document in the file at `path`.
pub(super) fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read(path).map_err(|source| Error::cannot_read(path, source))?;
    serde_json::from_slice(&text)
        .map_err(|error| Error::data(path.display(), format!("cannot be read: {error}")))
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

/// The weights of all networks before and after training: the first are drawn again, the last are in the checkpoints.
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
    let spec = DynamicNetSpec::of_parameters(&config.model, |name| Some(trainer.parameter(name).ok()?.dims()));
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
