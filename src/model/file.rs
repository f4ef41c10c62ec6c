//! The file of a model.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::network::Network;
use super::{Model, Schema, Training};
use crate::config::Fill;
use crate::data::{Column, DateOrder, Scaling};
use crate::error::{Error, Result};
use crate::storage::{seal, unseal, write_atomically};

/// The version of the format that is written. All versions up to it are read.
///
/// | version | |
/// |---|---|
/// | 1 | the first |
/// | 2 | the initialisation of the network, the origin of each feature, the list of missing values, the errors of each target |
/// | 3 | the quantiles that are predicted |
/// | 4 | the transforms of the targets, the sizes of errors for intervals |
/// | 5 | the features that dates become, those that say where values are missing, medians in their place, means of the targets in place of texts, numbers that are clipped for all of the network |
/// | 6 | dates with the day or the month first, numbers that are clipped for the input layer alone or scaled by their quantiles, limits of predictions |
///
/// A model is of the first version from 2 on that has all that it has.
const FORMAT: u32 = 6;
const WITH_PARTS: u32 = 5;
const WITH_TRANSFORMS: u32 = 4;
const WITH_QUANTILES: u32 = 3;
const PLAIN: u32 = 2;
/// What the file says that it is.
const KIND: &str = "model";
/// The largest file that is read: a hidden layer of 22,000 in `f64`.
const LARGEST: u64 = 1 << 32;

/// What a model's file says beside its tensors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    /// The version of taper that wrote it.
    taper: String,
    network: Network,
    schema: Schema,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    training: Option<Training>,
}

/// Whether a column has what version 5 of the format added.
fn has_parts(column: &Column) -> bool {
    !column.dates.is_empty() || column.marks_missing || column.target_means > 0
}

impl Model {
    /// The bytes of the model's file: .safetensors with the parameters, and all else with a checksum in the
    /// metadata. The same model has the same bytes.
    ///
    /// # Errors
    ///
    /// Fails when a fact of the training cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let content = Content {
            taper: self.taper.clone(),
            network: self.network.clone(),
            schema: self.schema.clone(),
            training: self.training.clone(),
        };
        seal(KIND, self.format(), content, &self.tensors)
    }

    /// The version of its format.
    pub(super) fn format(&self) -> u32 {
        let scaling = self.schema.target_scaling.as_ref();
        match &self.schema {
            _ if self.net.is_clipped() => FORMAT,
            schema if schema.feature_scaling.as_ref().is_some_and(Scaling::is_by_quantiles) => FORMAT,
            _ if scaling.is_some_and(Scaling::is_limited) => FORMAT,
            schema if schema.features.iter().any(|column| column.date_order != DateOrder::YearFirst) => {
                FORMAT
            }
            schema if schema.fill != Fill::Mean => WITH_PARTS,
            schema if schema.feature_scaling.as_ref().is_some_and(Scaling::is_clipped) => WITH_PARTS,
            schema if schema.features.iter().any(has_parts) => WITH_PARTS,
            schema if schema.residuals.is_some() => WITH_TRANSFORMS,
            _ if scaling.is_some_and(|scaling| scaling.transforms().any(|it| it.is_some())) => {
                WITH_TRANSFORMS
            }
            schema if schema.quantiles.is_some() => WITH_QUANTILES,
            _ => PLAIN,
        }
    }

    /// The model of the bytes of a file, as [`to_bytes`](Self::to_bytes) makes them.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Data`] when a bit of them is damaged, or when they are not a valid model.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::parse(bytes).map_err(|problem| Error::data("the model", problem))
    }

    /// Writes the model to the file at `path`, whole or not at all; a file that is there is replaced.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomically(path.as_ref(), &self.to_bytes()?)
    }

    /// Reads the model in the file at `path`, which [`save`](Self::save) has written.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the file cannot be read, and as [`from_bytes`](Self::from_bytes).
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let refused = |problem| Error::data(path.display(), problem);
        let cannot = |source| Error::cannot_read(path, source);
        let metadata = fs::metadata(path).map_err(cannot)?;
        if !metadata.is_file() {
            return Err(refused("is not a file, expected one that `taper train` has written".to_owned()));
        }
        if metadata.len() > LARGEST {
            return Err(refused(format!("has {} bytes, expected at most {LARGEST}", metadata.len())));
        }
        Self::parse(&fs::read(path).map_err(cannot)?).map_err(refused)
    }

    /// The model of `bytes`, or what is wrong with them, to continue a sentence that begins with the file.
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (content, tensors) = unseal(KIND, FORMAT, bytes)?;
        let Content { taper, network, schema, training } = content;
        Ok(Self { training, taper, ..Self::assemble(network, tensors, schema)? })
    }
}
