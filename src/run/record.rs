//! What a run leaves behind, as data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::predictions::Predictions;
use crate::config::{CvConfig, TargetTransform, keys};
use crate::data::DataSummary;
use crate::evaluate::Evaluation;
use crate::explain::Explanation;
use crate::metrics::{Intervals, Metrics};
use crate::results::{Baseline, FoldReport};

/// All that the report of a run is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// What was run, `cv` or `train`.
    pub command: String,
    /// The settings.
    pub config: CvConfig,
    /// Where and when it ran: facts by name, in the order to show them in.
    pub environment: Vec<(String, String)>,
    /// What there is in the data; nothing of synthetic ones, or where an earlier version did not say.
    pub data: Option<DataSummary>,
    /// What is suspicious about the folds or the training.
    pub warnings: Vec<String>,
    /// The results on the test rows of each fold; none where nothing was held out.
    pub folds: Vec<FoldReport>,
    /// The results of all test rows together; none where nothing was held out or an earlier version did not
    /// say.
    pub pooled: Option<Evaluation>,
    /// How well intervals of the predictions cover the truths, if there are intervals.
    pub intervals: Option<Intervals>,
    /// What simple models reach on the same folds.
    pub baselines: Vec<Baseline>,
    /// What the predictions depend on, where it was asked.
    pub explanation: Option<Explanation>,
    /// The epochs of all folds, each fold's in order; of several transforms of the targets only those of the
    /// one that was chosen, and of the members of a bag their means.
    pub epochs: Vec<EpochRecord>,
    /// The predictions of the test rows; without rows where nothing was held out.
    pub predictions: Predictions,
    /// The weights of each fold's layers, in the order to show them in.
    pub weights: Vec<Weights>,
    /// How long the whole run took in seconds, if that is known.
    pub seconds: Option<f64>,
}

impl RunRecord {
    /// The keys and values of the settings that have a meaning beside the others and for the command, in
    /// order.
    pub fn settings(&self) -> Vec<(String, String)> {
        let applies = |key: &&&str| match self.command.as_str() {
            "cv" => **key != "holdout",
            "train" => **key != "folds",
            // An evaluation has no training.
            _ => key.starts_with("data."),
        };
        let keys = keys().iter().filter(applies);
        let shown = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        keys.filter_map(|key| Some(((*key).to_owned(), shown(self.config.get(key)?)))).collect()
    }
}

/// A layer's weights before and after training.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// The fold, counted from 0.
    pub fold: usize,
    /// The parameter's name, for example `hidden.weight`.
    pub name: String,
    /// Its elements before the first step.
    pub before: Vec<f32>,
    /// Its elements in the network that training took.
    pub after: Vec<f32>,
}

/// The results of an epoch: one line of `metrics.jsonl`.
///
/// In JSON the errors on the test rows are `test_mse`, `test_rmse`, `test_mae` and `test_r2`, which earlier
/// versions called `validation_mse` and so on. What there is not is left out. Finite numbers are read as the
/// bits that were written; JSON has no others.
///
/// # Examples
///
/// ```
/// use taper::run::EpochRecord;
///
/// let epoch = EpochRecord { epoch: 2, train_loss: 0.5, lr: 1e-3, seconds: 0.25, ..EpochRecord::default() };
/// let line = serde_json::to_string(&epoch).unwrap();
/// assert_eq!(line, r#"{"fold":0,"epoch":2,"train_loss":0.5,"lr":0.001,"seconds":0.25}"#);
/// assert_eq!(serde_json::from_str::<EpochRecord>(&line).unwrap(), epoch);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(into = "Line", try_from = "Line")]
pub struct EpochRecord {
    /// The fold, counted from 0.
    pub fold: usize,
    /// The epoch, counted from 0; from 0 again in a second training, that of another member, or with another
    /// transform.
    pub epoch: usize,
    /// The member of a bag that is trained, counted from 0.
    pub member: Option<usize>,
    /// Whether it is one of a second training, on all training rows.
    pub refit: bool,
    /// What the targets are transformed by, if several transforms are tried, each in a training of its own.
    pub target_transform: Option<TargetTransform>,
    /// The mean loss that training met.
    pub train_loss: f64,
    /// The loss after it on the training rows that are set aside for validation.
    pub validation_loss: Option<f64>,
    /// The errors after it on the test rows.
    pub test: Option<Metrics>,
    /// The learning rate of the last step.
    pub lr: f64,
    /// How long it took.
    pub seconds: f64,
}

/// The means of the epochs of the members of a bag, in the order of the first ones; the others as they are. The
/// errors on the test rows are those of a member, and not of the bag.
pub(crate) fn mean_over_members(epochs: impl IntoIterator<Item = EpochRecord>) -> Vec<EpochRecord> {
    // The place of an epoch among the means, and how many members it is of.
    let mut places = BTreeMap::new();
    let mut means: Vec<EpochRecord> = Vec::new();
    for record in epochs {
        let key = record.member.map(|_| (record.fold, record.epoch));
        let Some((place, count)) = key.and_then(|key| places.get_mut(&key)) else {
            places.extend(key.map(|key| (key, (means.len(), 1.))));
            means.push(EpochRecord { member: None, ..record });
            continue;
        };
        *count += 1.;
        let (mean, share) = (&mut means[*place], 1. / *count);
        let towards = |mean: f64, value: f64| mean + share * (value - mean);
        mean.train_loss = towards(mean.train_loss, record.train_loss);
        mean.seconds = towards(mean.seconds, record.seconds);
        mean.validation_loss = mean.validation_loss.zip(record.validation_loss).map(|(a, b)| towards(a, b));
        mean.test = mean.test.zip(record.test).map(|(a, b)| Metrics {
            mse: towards(a.mse, b.mse),
            rmse: towards(a.rmse, b.rmse),
            mae: towards(a.mae, b.mae),
            r2: a.r2.zip(b.r2).map(|(a, b)| towards(a, b)),
        });
    }
    means
}

/// The fields of a line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    fold: usize,
    epoch: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    member: Option<usize>,
    #[serde(default, skip_serializing_if = "is_false")]
    refit: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_transform: Option<TargetTransform>,
    // Its name when there was one loss.
    #[serde(alias = "train_mse")]
    train_loss: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation_loss: Option<f64>,
    #[serde(alias = "validation_mse", skip_serializing_if = "Option::is_none")]
    test_mse: Option<f64>,
    #[serde(alias = "validation_rmse", skip_serializing_if = "Option::is_none")]
    test_rmse: Option<f64>,
    #[serde(alias = "validation_mae", skip_serializing_if = "Option::is_none")]
    test_mae: Option<f64>,
    #[serde(alias = "validation_r2", skip_serializing_if = "Option::is_none")]
    test_r2: Option<f64>,
    lr: f64,
    seconds: f64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl From<EpochRecord> for Line {
    fn from(record: EpochRecord) -> Self {
        let EpochRecord {
            fold,
            epoch,
            member,
            refit,
            target_transform,
            train_loss,
            validation_loss,
            test,
            lr,
            seconds,
        } = record;
        Self {
            fold,
            epoch,
            member,
            refit,
            target_transform,
            train_loss,
            validation_loss,
            test_mse: test.map(|metrics| metrics.mse),
            test_rmse: test.map(|metrics| metrics.rmse),
            test_mae: test.map(|metrics| metrics.mae),
            test_r2: test.and_then(|metrics| metrics.r2),
            lr,
            seconds,
        }
    }
}

impl TryFrom<Line> for EpochRecord {
    type Error = &'static str;

    fn try_from(line: Line) -> Result<Self, Self::Error> {
        let Line {
            fold,
            epoch,
            member,
            refit,
            target_transform,
            train_loss,
            validation_loss,
            lr,
            seconds,
            ..
        } = line;
        let r2 = line.test_r2;
        let test = match (line.test_mse, line.test_rmse, line.test_mae) {
            (Some(mse), Some(rmse), Some(mae)) => Some(Metrics { mse, rmse, mae, r2 }),
            (None, None, None) if r2.is_none() => None,
            _ => return Err("has some of the errors on the test rows, expected mse, rmse and mae or none"),
        };
        Ok(Self {
            fold,
            epoch,
            member,
            refit,
            target_transform,
            train_loss,
            validation_loss,
            test,
            lr,
            seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch() -> EpochRecord {
        let metrics = Metrics { mse: 0.1 + 0.2, rmse: 1e-300, mae: 1. / 3., r2: Some(-5e300) };
        let (train_loss, lr) = (f64::MIN_POSITIVE / 3., 0.1f64.next_up());
        let (validation_loss, test) = (Some(f64::MAX / 7.), Some(metrics));
        EpochRecord {
            fold: 3,
            epoch: 17,
            member: Some(2),
            refit: true,
            target_transform: Some(TargetTransform::YeoJohnson),
            train_loss,
            validation_loss,
            test,
            lr,
            seconds: 1.5,
        }
    }

    #[test]
    fn an_epoch_is_read_as_it_was_written() {
        for r2 in [Some(-5e300), Some(1.), None] {
            let mut written = epoch();
            written.test = written.test.map(|metrics| Metrics { r2, ..metrics });
            let line = serde_json::to_string(&written).unwrap();
            assert!(!line.contains('\n') && !line.contains("null"), "{line}");
            assert_eq!(serde_json::from_str::<EpochRecord>(&line).unwrap(), written, "{line}");
            // As it was named at first.
            let old = line.replace("train_loss", "train_mse").replace("\"test_", "\"validation_");
            assert_eq!(serde_json::from_str::<EpochRecord>(&old).unwrap(), written, "{old}");
        }
    }

    #[test]
    fn a_line_with_half_of_the_errors_is_refused() {
        let line = serde_json::to_string(&epoch()).unwrap();
        for (from, to, problem) in [
            ("\"test_mse\":", "\"test\":", "unknown field `test`"),
            ("\"test_mae\":0.3333333333333333,", "", "expected mse, rmse and mae or none"),
            ("\"fold\":3,", "", "missing field `fold`"),
            ("\"lr\":0.1", "\"lr\":\"0.1\"", ""),
            ("1.5}", "null}", "invalid type: null"),
            ("1.5}", "1.5", "EOF"),
        ] {
            let damaged = line.replace(from, to);
            assert_ne!(damaged, line, "{from}");
            let error = serde_json::from_str::<EpochRecord>(&damaged).unwrap_err().to_string();
            assert!(error.contains(problem), "{damaged}: {error}");
        }
    }
}
