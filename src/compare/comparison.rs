//! What measurements say.

use serde::Serialize;

use super::difference::Difference;
use super::measurements::{Arm, DataSet};
use super::pair::Pair;
use crate::statistics::Friedman;

/// What measurements say: the answer in a sentence, and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The answer.
    pub answer: String,
    /// The error that was compared.
    pub metric: String,
    /// The arm with which all others were compared.
    pub reference: String,
    /// The region of practical equivalence.
    pub rope: f64,
    /// The level of intervals and verdicts.
    pub level: f64,
    /// The data sets.
    pub sets: Vec<DataSet>,
    /// The arms, with their errors.
    pub arms: Vec<Arm>,
    /// Each arm but the reference beside it, in their order.
    pub differences: Vec<Difference>,
    /// All pairs of arms, of three to twenty arms.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<Pair>,
    /// Whether any arm differs, of three arms and two data sets or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub friedman: Option<Friedman>,
    /// The difference of mean ranks from which on two arms differ, of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical_difference: Option<f64>,
    /// What limits the answer, in sentences that say what to do.
    pub warnings: Vec<String>,
}
