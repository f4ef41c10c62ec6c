//! The rows for validation, and what is decided by them.

use serde::{Deserialize, Serialize};

use super::TrainConfig;

/// After which epoch a network is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Selection {
    /// The best where there are rows for validation, else the last.
    #[default]
    Auto,
    /// The last.
    Last,
    /// The one with the lowest loss on the rows for validation, the last of equals.
    Best,
    /// As many epochs as the best took, of a new network that is trained on all training rows, those for
    /// validation too, along the same schedule.
    Refit,
    /// The best of each member, of which each has other rows for validation than the one before it: bagging
    /// (Breiman, Mach. Learn. 1996) over the folds of an inner cross-validation. So nearly all members of the
    /// ensemble are trained on a row, and each row tells some when to stop.
    Bag,
}

impl TrainConfig {
    /// Whether a part of the training rows is set aside for validation.
    pub fn has_validation(&self) -> bool {
        self.validation > 0.
    }

    /// Whether the members are trained one after the other, each without rows of its own.
    pub fn is_bagged(&self) -> bool {
        self.select == Selection::Bag
    }

    /// After which epoch a network is taken; never [`Selection::Auto`].
    pub fn selection(&self) -> Selection {
        match (self.select, self.has_validation()) {
            (Selection::Auto, true) => Selection::Best,
            (Selection::Auto, false) => Selection::Last,
            (select, _) => select,
        }
    }
}
