//! How the description of a network is written: flat, and without what older networks do not name.

use serde::{Deserialize, Serialize};

use super::{DynamicNetSpec, EXIT, ModelConfig};
use crate::nn::{Block, CosInit, Halting, LayerKind, Nonlinearity, Norm};
use crate::ops::Prior;

/// The name of a kind of layer, without its initialisation.
#[derive(Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LayerName {
    #[default]
    Linear,
    Cos,
}

impl LayerName {
    /// The kind of this name, unless `init` would be forgotten.
    fn checked(self, init: CosInit) -> Result<LayerKind, String> {
        match self {
            Self::Linear if init != CosInit::default() => {
                Err("model.cos_init has a meaning only beside `model.layer=cos`".to_owned())
            }
            Self::Linear => Ok(LayerKind::Linear),
            Self::Cos => Ok(LayerKind::Cos(init)),
        }
    }
}

impl From<LayerKind> for LayerName {
    fn from(kind: LayerKind) -> Self {
        match kind {
            LayerKind::Linear => Self::Linear,
            LayerKind::Cos(_) => Self::Cos,
        }
    }
}

/// How a [`ModelConfig`] is written: a key for each setting, all of them optional.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ModelDocument {
    members: usize,
    hidden: usize,
    min_depth: usize,
    max_depth: usize,
    layer: LayerName,
    cos_init: CosInit,
    block: Block,
    bins: usize,
    activation: Nonlinearity,
    skip: bool,
    norm: Norm,
    dropout: f64,
    halting: Halting,
    prior: Prior,
    exit: f64,
}

impl Default for ModelDocument {
    fn default() -> Self {
        ModelConfig::default().into()
    }
}

impl TryFrom<ModelDocument> for ModelConfig {
    type Error = String;

    fn try_from(document: ModelDocument) -> Result<Self, String> {
        let ModelDocument {
            members,
            hidden,
            min_depth,
            max_depth,
            layer,
            cos_init,
            block,
            bins,
            activation,
            skip,
            norm,
            dropout,
            halting,
            prior,
            exit,
        } = document;
        Ok(Self {
            members,
            hidden,
            min_depth,
            max_depth,
            layer: layer.checked(cos_init)?,
            block,
            bins,
            activation,
            skip,
            norm,
            dropout,
            halting,
            prior,
            exit,
        })
    }
}

impl From<ModelConfig> for ModelDocument {
    fn from(model: ModelConfig) -> Self {
        let ModelConfig {
            members,
            hidden,
            min_depth,
            max_depth,
            layer,
            block,
            bins,
            activation,
            skip,
            norm,
            dropout,
            halting,
            prior,
            exit,
        } = model;
        let (layer, cos_init) = (layer.into(), layer.cos_init());
        Self {
            members,
            hidden,
            min_depth,
            max_depth,
            layer,
            cos_init,
            block,
            bins,
            activation,
            skip,
            norm,
            dropout,
            halting,
            prior,
            exit,
        }
    }
}

/// How a [`DynamicNetSpec`] is written. Initialisation is left out where it is the default, since a trained
/// network does not depend on it, and so are the settings that older networks do not name.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpecDocument {
    in_features: usize,
    hidden: usize,
    out_features: usize,
    min_depth: usize,
    max_depth: usize,
    layer: LayerName,
    #[serde(default, skip_serializing_if = "is_default")]
    cos_init: CosInit,
    #[serde(default, skip_serializing_if = "is_default")]
    block: Block,
    #[serde(default, skip_serializing_if = "is_default")]
    bins: usize,
    #[serde(default, skip_serializing_if = "is_default")]
    encoded: usize,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    members: usize,
    #[serde(default, skip_serializing_if = "is_default")]
    activation: Nonlinearity,
    #[serde(default, skip_serializing_if = "is_default")]
    skip: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    norm: Norm,
    #[serde(default, skip_serializing_if = "is_default")]
    dropout: f64,
    #[serde(default, skip_serializing_if = "is_default")]
    halting: Halting,
    #[serde(default, skip_serializing_if = "is_default")]
    prior: Prior,
    #[serde(default = "default_exit", skip_serializing_if = "is_default_exit")]
    exit: f64,
}

fn one() -> usize {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one(members: &usize) -> bool {
    *members == 1
}

fn default_exit() -> f64 {
    EXIT
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_default_exit(exit: &f64) -> bool {
    *exit == EXIT
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl TryFrom<SpecDocument> for DynamicNetSpec {
    type Error = String;

    fn try_from(document: SpecDocument) -> Result<Self, String> {
        let SpecDocument {
            in_features,
            hidden,
            out_features,
            min_depth,
            max_depth,
            layer,
            cos_init,
            block,
            bins,
            encoded,
            members,
            activation,
            skip,
            norm,
            dropout,
            halting,
            prior,
            exit,
        } = document;
        let layer = layer.checked(cos_init)?;
        let model = ModelConfig {
            members,
            hidden,
            min_depth,
            max_depth,
            layer,
            block,
            bins,
            activation,
            skip,
            norm,
            dropout,
            halting,
            prior,
            exit,
        };
        Ok(Self { in_features, out_features, encoded, model })
    }
}

impl From<DynamicNetSpec> for SpecDocument {
    fn from(DynamicNetSpec { in_features, out_features, encoded, model }: DynamicNetSpec) -> Self {
        let ModelConfig {
            members,
            hidden,
            min_depth,
            max_depth,
            layer,
            block,
            bins,
            activation,
            skip,
            norm,
            dropout,
            halting,
            prior,
            exit,
        } = model;
        let (layer, cos_init) = (layer.into(), layer.cos_init());
        Self {
            in_features,
            hidden,
            out_features,
            min_depth,
            max_depth,
            layer,
            cos_init,
            block,
            bins,
            encoded,
            members,
            activation,
            skip,
            norm,
            dropout,
            halting,
            prior,
            exit,
        }
    }
}
