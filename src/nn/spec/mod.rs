//! The description of a network, from which everything that builds, runs or stores it follows.

mod document;

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::nn::{Block, Halting, LayerKind, Nonlinearity, Norm};
use crate::ops::Prior;

/// How a [`DynamicNet`](crate::nn::DynamicNet) is built, whatever the data: the section `model` of a
/// configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "document::ModelDocument", into = "document::ModelDocument")]
pub struct ModelConfig {
    /// How many sets of layers it has, each trained by its own loss, whose mean predicts; 1 by default. Only
    /// one can learn its depths.
    pub members: usize,
    /// The width of the hidden layer; 32 by default.
    pub hidden: usize,
    /// The least number of applications of the hidden layer; 1 by default.
    pub min_depth: usize,
    /// The largest number of applications of the hidden layer; 4 by default.
    pub max_depth: usize,
    /// The kind of all layers; [`LayerKind::Linear`] by default.
    pub layer: LayerKind,
    /// What the hidden layer does at each application; [`Block::Plain`] by default.
    pub block: Block,
    /// The most bins of each feature's piecewise linear encoding, which is fitted to data; 0, for none, by
    /// default.
    pub bins: usize,
    /// What follows the product of the input layer and of the hidden layer; [`Nonlinearity::Relu`] by
    /// default.
    pub activation: Nonlinearity,
    /// Whether a linear function of the features is added to the output at every depth; false by default.
    pub skip: bool,
    /// How the activations are normalised before each application of the hidden layer; [`Norm::None`] by
    /// default.
    pub norm: Norm,
    /// The share of the activations that each application of the hidden layer drops in a training step, from
    /// 0 to below 1; 0 by default.
    pub dropout: f64,
    /// Whether it learns how deep to go; [`Halting::None`] by default.
    pub halting: Halting,
    /// The distribution over depths that learned ones begin with and are drawn to; [`Prior::Uniform`] by
    /// default.
    pub prior: Prior,
    /// With which probability a row has to have stopped at a depth to exit there, above 0 and at most 1, by
    /// default 0.5; at 1 every row goes through all depths.
    pub exit: f64,
}

/// As PALBERT (Balagansky and Gavrilov, 2022) exits.
const EXIT: f64 = 0.5;

impl Default for ModelConfig {
    fn default() -> Self {
        let (layer, block, activation) = (LayerKind::default(), Block::default(), Nonlinearity::default());
        Self {
            members: 1,
            hidden: 32,
            min_depth: 1,
            max_depth: 4,
            layer,
            block,
            bins: 0,
            activation,
            skip: false,
            norm: Norm::None,
            dropout: 0.,
            halting: Halting::None,
            prior: Prior::default(),
            exit: EXIT,
        }
    }
}

impl ModelConfig {
    /// The numbers of applications of the hidden layer that training draws from and prediction averages over.
    pub fn depths(&self) -> RangeInclusive<usize> {
        self.min_depth..=self.max_depth
    }

    /// Its layers in a few words, such as `cos layers` or `linear layers, injection blocks, silu`.
    pub fn layers(&self) -> String {
        let mut words = vec![format!("{} layers", self.layer.name())];
        if self.block != Block::default() {
            words.push(format!("{} blocks", self.block.name()));
        }
        if self.activation != Nonlinearity::default() {
            words.push(self.activation.name().to_owned());
        }
        if self.norm != Norm::None {
            words.push(format!("{} norm", self.norm.name()));
        }
        if self.dropout != 0. {
            words.push(format!("dropout {}", self.dropout));
        }
        if self.members > 1 {
            words.push(format!("{} members", self.members));
        }
        if self.bins > 0 {
            words.push(format!("features in {} bins", self.bins));
        }
        if self.skip {
            words.push("linear skip".to_owned());
        }
        if self.halting != Halting::None {
            words.push(format!("{} halting", self.halting.name()));
        }
        words.join(", ")
    }

    /// The network for rows of `in_features` features and `out_features` targets.
    pub fn network(&self, in_features: usize, out_features: usize) -> DynamicNetSpec {
        DynamicNetSpec { in_features, out_features, encoded: 0, model: self.clone() }
    }
}

/// The complete description of a [`DynamicNet`](crate::nn::DynamicNet): everything but the values of its
/// parameters.
///
/// Two networks of one spec have parameters of the same names and shapes. It serialises as one flat document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "document::SpecDocument", into = "document::SpecDocument")]
pub struct DynamicNetSpec {
    /// The number of features of a row.
    pub in_features: usize,
    /// The number of targets of a row.
    pub out_features: usize,
    /// How many columns the features are encoded as before the first layer, 0 where they are not.
    pub encoded: usize,
    /// How it is built between the two.
    pub model: ModelConfig,
}

impl DynamicNetSpec {
    /// The numbers of applications of the hidden layer, see [`ModelConfig::depths`].
    pub fn depths(&self) -> RangeInclusive<usize> {
        self.model.depths()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::CosInit;

    const KAIMING: LayerKind = LayerKind::Cos(CosInit::Kaiming);

    #[test]
    fn a_spec_is_one_flat_document() {
        let spec = ModelConfig { hidden: 7, ..ModelConfig::default() }.network(5, 2);
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(
            text,
            r#"{"in_features":5,"hidden":7,"out_features":2,"min_depth":1,"max_depth":4,"layer":"linear"}"#
        );
        assert_eq!(serde_json::from_str::<DynamicNetSpec>(&text).unwrap(), spec);

        let (block, activation) = (Block::Injection, Nonlinearity::Mish);
        let model = ModelConfig {
            layer: KAIMING,
            block,
            activation,
            skip: true,
            norm: Norm::Rms,
            dropout: 0.1,
            halting: Halting::Adaptive,
            prior: Prior::Geometric,
            exit: 1.,
            ..ModelConfig::default()
        };
        let layers =
            "cos layers, injection blocks, mish, rms norm, dropout 0.1, linear skip, adaptive halting";
        assert_eq!(model.layers(), layers);
        let spec = model.network(5, 2);
        let text = serde_json::to_string(&spec).unwrap();
        let kind = r#""layer":"cos","cos_init":"kaiming","block":"injection","activation":"mish""#;
        let halting = r#""halting":"adaptive","prior":"geometric","exit":1.0"#;
        let end = format!(r#"{kind},"skip":true,"norm":"rms","dropout":0.1,{halting}}}"#);
        assert!(text.ends_with(&end), "{text}");
        assert_eq!(serde_json::from_str::<DynamicNetSpec>(&text).unwrap(), spec);
    }

    #[test]
    fn a_spec_needs_every_key_and_a_model_none() {
        let error = serde_json::from_str::<DynamicNetSpec>(r#"{"in_features":5}"#).unwrap_err().to_string();
        assert!(error.contains("missing field `hidden`"), "{error}");
        assert_eq!(serde_json::from_str::<ModelConfig>("{}").unwrap(), ModelConfig::default());
        let error = serde_json::from_str::<ModelConfig>(r#"{"width":5}"#).unwrap_err().to_string();
        assert!(error.contains("unknown field `width`"), "{error}");
        let model: ModelConfig = serde_json::from_str(r#"{"layer":"cos","cos_init":"kaiming"}"#).unwrap();
        assert_eq!(model.layer, KAIMING);
        // It would be forgotten.
        let error = serde_json::from_str::<ModelConfig>(r#"{"cos_init":"kaiming"}"#).unwrap_err().to_string();
        assert!(error.contains("model.cos_init has a meaning only beside"), "{error}");
    }
}
