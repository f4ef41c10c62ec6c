//! The file of a model.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use super::{Model, Schema, Training};
use crate::config::{FloatType, LayerName, MAX_DEPTH};
use crate::error::{Error, Result};
use crate::storage::{seal, unseal, write_atomically};

/// The version of the format that is written. All versions up to it are read.
pub(super) const FORMAT: u32 = 1;
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

/// The shape of a model's network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Network {
    pub(super) in_features: usize,
    pub(super) hidden: usize,
    pub(super) out_features: usize,
    pub(super) min_depth: usize,
    pub(super) max_depth: usize,
    pub(super) layer: LayerName,
    pub(super) dtype: FloatType,
}

impl Network {
    /// Refuses tensors that are not its parameters.
    pub(super) fn check(&self, tensors: &BTreeMap<String, Tensor>) -> Result<(), String> {
        let &Self { in_features, hidden, out_features, min_depth, max_depth, .. } = self;
        if min_depth > max_depth || max_depth > MAX_DEPTH {
            return Err(format!(
                "has depths from {min_depth} to {max_depth}, expected some up to {MAX_DEPTH}"
            ));
        }
        let expected = [
            ("hidden.bias", vec![hidden]),
            ("hidden.weight", vec![hidden, hidden]),
            ("input.bias", vec![hidden]),
            ("input.weight", vec![hidden, in_features]),
            ("output.bias", vec![out_features]),
            ("output.weight", vec![out_features, hidden]),
        ];
        if let Some(name) = tensors.keys().find(|name| !expected.iter().any(|(known, _)| known == name)) {
            return Err(format!("has a tensor '{name}', which is no parameter of its network"));
        }
        let dtype = DType::from(self.dtype);
        for (name, shape) in expected {
            let Some(tensor) = tensors.get(name) else {
                return Err(format!("has no tensor '{name}', expected {dtype:?} {shape:?}"));
            };
            if tensor.dtype() != dtype || tensor.dims() != shape {
                let (dtype_there, shape_there) = (tensor.dtype(), tensor.dims());
                return Err(format!(
                    "has a tensor '{name}' of {dtype_there:?} {shape_there:?}, expected {dtype:?} {shape:?}"
                ));
            }
            if !is_finite(tensor).unwrap_or(false) {
                return Err(format!("has a tensor '{name}' with elements that are not finite"));
            }
        }
        Ok(())
    }
}

fn is_finite(tensor: &Tensor) -> candle_core::Result<bool> {
    let values: Vec<f64> = tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?;
    Ok(values.iter().all(|value| value.is_finite()))
}

impl Model {
    /// The bytes of the model's file: .safetensors with the parameters, and all else with a checksum in the metadata. The
    /// same model has the same bytes.
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
        seal(KIND, FORMAT, content, &self.tensors)
    }

    /// The model of the bytes of a file, as [`to_bytes`](Self::to_bytes) makes them.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Data`] when a bit of them is damaged, or when they are no model that makes sense.
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
