//! What targets become before they are scaled.

use serde::{Deserialize, Serialize};

/// A function of the targets that a network learns in their place. Predictions and errors are in the targets'
/// own units whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetTransform {
    /// The one of the others with which the loss in the targets' own units is lowest on the rows for
    /// validation, if it is [clearly](crate::results::Validation::chosen) lower than with none. Targets whose
    /// training values are hardly skewed have none.
    Auto,
    /// The targets themselves.
    #[default]
    None,
    /// The [logarithm](crate::data::Transform::Log), of targets above 0.
    Log,
    /// The power of [Yeo and Johnson](crate::data::Transform::YeoJohnson) that makes the training values most
    /// normal.
    YeoJohnson,
}

impl TargetTransform {
    /// Its name, as it is written in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::None => "none",
            Self::Log => "log",
            Self::YeoJohnson => "yeo-johnson",
        }
    }
}
