//! The validation of a configuration.

use candle_core::DType;

use super::{
    CvConfig, DataConfig, Depths, FileConfig, FloatType, LossName, ModelConfig, Selection, TargetTransform,
    TrainConfig, ValidConfig,
};
use crate::error::{Error, Result};
use crate::memory::{self, shown};
use crate::nn::Halting;
use crate::ops::kernels::MOST_DEPTHS;
use crate::optim::Schedule;
use crate::text::list;

/// The deepest network. Candle walks its graph recursively, and a fold's stack holds this many layers with
/// ease.
pub(crate) const MAX_DEPTH: usize = 1000;
/// The most repetitions of a cross-validation, far more than anybody waits for.
/// More of them than this bring less than they cost.
const MOST_MEMBERS: usize = 256;

/// More of them than this hold too few rows to be worth their columns.
const MOST_BINS: usize = 256;

const MAX_REPEATS: usize = 10_000;
/// The largest weight of a depth: only ratios count, and sums have to be finite.
const LARGEST_WEIGHT: f64 = 1e9;

impl CvConfig {
    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`], which names the first setting that is not valid and says what would be.
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::config::CvConfig;
    ///
    /// let mut config = CvConfig::default();
    /// assert!(config.clone().validate().is_ok());
    ///
    /// config.folds = 1;
    /// let error = config.validate().unwrap_err();
    /// assert_eq!(error.to_string(), "folds is 1, expected at least 2");
    /// ```
    pub fn validate(self) -> Result<ValidConfig> {
        let Self { data, folds, repeats, holdout, interval, .. } = &self;
        match &data.file {
            None => synthetic(&self)?,
            Some(file) => columns(file)?,
        }
        at_least("folds", *folds, 2)?;
        at_least("repeats", *repeats, 1)?;
        at_most("repeats", *repeats, MAX_REPEATS)?;
        finite("holdout", *holdout, (0. ..1.).contains(holdout), "from 0 to below 1")?;
        finite("interval", *interval, (0. ..1.).contains(interval), "from 0 to below 1")?;
        if let Some(order) = data.file.as_ref().and_then(|file| file.order.as_ref())
            && *repeats > 1
        {
            let problem =
                format!("is {repeats}, but rows ordered by '{order}' have only one division, expected 1");
            return Err(Error::config("repeats", problem));
        }
        if data.file.is_none() && *folds > data.rows {
            return Err(Error::config(
                "folds",
                format!("is {folds}, expected at most the {} rows", data.rows),
            ));
        }
        self.learner().check()?;
        fits_in_memory(&self, memory::free())?;
        Ok(ValidConfig(self))
    }
}

impl ModelConfig {
    pub(super) fn check(&self) -> Result<()> {
        let Self { hidden, min_depth, max_depth, dropout, .. } = *self;
        at_least("model.hidden", hidden, 1)?;
        at_least("model.members", self.members, 1)?;
        at_most("model.members", self.members, MOST_MEMBERS)?;
        at_most("model.bins", self.bins, MOST_BINS)?;
        at_most("model.max_depth", max_depth, MAX_DEPTH)?;
        if min_depth > max_depth {
            let problem = format!("is {min_depth}, expected at most the maximum of {max_depth}");
            return Err(Error::config("model.min_depth", problem));
        }
        finite("model.dropout", dropout, (0. ..1.).contains(&dropout), "from 0 to below 1")?;
        self.check_halting()
    }

    /// Checks how depths are learned, and what has a meaning only where they are.
    fn check_halting(&self) -> Result<()> {
        let Self { min_depth, max_depth, halting, prior, exit, .. } = *self;
        finite("model.exit", exit, exit > 0. && exit <= 1., "above 0 and at most 1")?;
        let default = Self::default();
        if halting == Halting::None {
            let (key, value) = match () {
                () if prior != default.prior => ("model.prior", prior.name().to_owned()),
                () if exit != default.exit => ("model.exit", exit.to_string()),
                () => return Ok(()),
            };
            let problem = format!("is {value}, which has a meaning only beside `model.halting`");
            return Err(Error::config(key, problem));
        }
        let problem = match () {
            () if self.members > 1 => {
                format!("is for one of `model.members`, and there are {}", self.members)
            }
            () if min_depth == 0 => "needs a min_depth of 1 or more".to_owned(),
            () if min_depth == max_depth => format!("has one depth to learn, {min_depth}; expected several"),
            () if max_depth - min_depth >= MOST_DEPTHS => {
                format!("has {} depths to learn, expected at most {MOST_DEPTHS}", max_depth - min_depth + 1)
            }
            () => return Ok(()),
        };
        Err(Error::config("model.halting", format!("is {}, which {problem}", halting.name())))
    }
}

impl TrainConfig {
    pub(super) fn check(&self) -> Result<()> {
        let Self { epochs, batch_size, lr, warmup, averaging, loss, huber_delta, quantiles, .. } = *self;
        at_least("train.epochs", epochs, 1)?;
        at_least("train.batch_size", batch_size, 1)?;
        finite("train.lr", lr, lr > 0., "above 0")?;
        finite("train.warmup", warmup, (0. ..=1.).contains(&warmup), "from 0 to 1")?;
        for (key, value) in [
            ("train.weight_decay", self.weight_decay),
            ("train.l2", self.l2),
            ("train.l1", self.l1),
            ("train.clip_norm", self.clip_norm),
            ("train.clip_value", self.clip_value),
        ] {
            finite(key, value, value >= 0., "of 0 or more")?;
        }
        finite("train.averaging", averaging, (0. ..1.).contains(&averaging), "from 0 to below 1")?;
        finite("train.huber_delta", huber_delta, huber_delta > 0., "above 0")?;
        if loss != LossName::Huber && huber_delta != Self::default().huber_delta {
            let problem = format!("is {huber_delta}, which has a meaning only beside `train.loss=huber`");
            return Err(Error::config("train.huber_delta", problem));
        }
        if loss != LossName::Quantile && quantiles != Self::default().quantiles {
            let problem = format!(
                "is {}, which has a meaning only beside `train.loss=quantile`",
                quantiles.levels().iter().map(f64::to_string).collect::<Vec<_>>().join(",")
            );
            return Err(Error::config("train.quantiles", problem));
        }
        self.check_validation()
    }

    /// Checks the weights of a network's `depths` depths.
    pub(crate) fn check_depth_weights(&self, depths: usize) -> Result<()> {
        let weights = &self.depth_weights;
        if weights.is_empty() {
            return Ok(());
        }
        let refused = |problem: String| {
            let shown: Vec<_> = weights.iter().map(f64::to_string).collect();
            Err(Error::config("train.depth_weights", format!("is {}, {problem}", list(&shown))))
        };
        if self.depths != Depths::All {
            return refused("which has a meaning only beside `train.depths=all`".to_owned());
        }
        if !weights.iter().all(|weight| *weight > 0. && *weight <= LARGEST_WEIGHT) {
            return refused(format!("expected numbers above 0 and at most {LARGEST_WEIGHT:e}"));
        }
        if weights.len() != depths {
            return refused(format!("expected as many numbers as depths, {depths}"));
        }
        Ok(())
    }

    /// Checks the share of the rows for validation, and what has a meaning only with such rows.
    fn check_validation(&self) -> Result<()> {
        let Self { validation, patience, min_improvement, select, schedule, target_transform, .. } = *self;
        for (key, share) in [("train.validation", validation), ("train.min_improvement", min_improvement)] {
            finite(key, share, (0. ..1.).contains(&share), "from 0 to below 1")?;
        }
        if min_improvement > 0. && patience == 0 {
            let problem = format!("is {min_improvement}, which has a meaning only beside `train.patience`");
            return Err(Error::config("train.min_improvement", problem));
        }
        let (key, value) = match select {
            _ if self.has_validation() => return Ok(()),
            _ if patience > 0 => ("train.patience", patience.to_string()),
            _ if schedule == Schedule::Plateau => ("train.schedule", "plateau".to_owned()),
            Selection::Best => ("train.select", "best".to_owned()),
            Selection::Refit => ("train.select", "refit".to_owned()),
            Selection::Bag => ("train.select", "bag".to_owned()),
            _ if target_transform == TargetTransform::Auto => ("train.target_transform", "auto".to_owned()),
            Selection::Auto | Selection::Last => return Ok(()),
        };
        let problem =
            format!("is {value}, which needs rows for validation; `train.validation=0.2` sets a fifth aside");
        Err(Error::config(key, problem))
    }
}

fn at_least(key: &'static str, value: usize, least: usize) -> Result<()> {
    if value < least {
        return Err(Error::config(key, format!("is {value}, expected at least {least}")));
    }
    Ok(())
}

fn at_most(key: &'static str, value: usize, most: usize) -> Result<()> {
    if value > most {
        return Err(Error::config(key, format!("is {value}, expected at most {most}")));
    }
    Ok(())
}

/// `range` says in words what `in_range` checks, which is false for NaN.
fn finite(key: &'static str, value: f64, in_range: bool, range: &str) -> Result<()> {
    if !(value.is_finite() && in_range) {
        // Not hundreds of digits.
        let is_short = value == 0. || (1e-5..1e16).contains(&value.abs());
        let value = if is_short { value.to_string() } else { format!("{value:e}") };
        return Err(Error::config(key, format!("is {value}, expected a finite number {range}")));
    }
    Ok(())
}

/// The size of the synthetic data.
fn synthetic(config: &CvConfig) -> Result<()> {
    let DataConfig { rows, features, .. } = config.data;
    at_least("data.rows", rows, 2)?;
    at_most("data.rows", rows, u32::MAX as usize)?;
    at_least("data.features", features, 1)?;
    noise(config)
}

/// What of a choice of columns can be judged without the file.
fn columns(config: &FileConfig) -> Result<()> {
    if !config.features.is_empty() && !config.drop.is_empty() {
        let problem = format!(
            "is {}, but the features are chosen by name; expected one or the other",
            config.drop.join(",")
        );
        return Err(Error::config("data.drop", problem));
    }
    if config.missing_indicator && config.missing.fill().is_none() {
        let problem = "is true, which has a meaning only beside `data.missing=mean` or `data.missing=median`";
        return Err(Error::config("data.missing_indicator", problem));
    }
    if let (Some(order), Some(_)) = (&config.order, &config.group) {
        let problem = format!("is '{order}', but rows are also grouped; expected one or the other");
        return Err(Error::config("data.order", problem));
    }
    Ok(())
}

/// The square of the noise is an error that must be a number of the dtype.
fn noise(config: &CvConfig) -> Result<()> {
    let DataConfig { noise, .. } = config.data;
    finite("data.noise", noise, noise >= 0., "of 0 or more")?;
    let largest = match config.dtype {
        FloatType::F32 => f64::from(f32::MAX),
        FloatType::F64 => f64::MAX,
    };
    // What is left of the range is for the weights and the sums of the squares.
    let limit = largest.sqrt() * 1e-6;
    if noise > limit {
        return Err(Error::config("data.noise", format!("is {noise:e}, expected at most {limit:.0e}")));
    }
    Ok(())
}

/// Refuses a data set or a network that cannot fit in `free` bytes. How large a file is shows when it is
/// read.
fn fits_in_memory(config: &CvConfig, free: u64) -> Result<()> {
    let width = DType::from(config.dtype).size_in_bytes() as u64;
    let (rows, features) = match config.data.file {
        None => (config.data.rows, config.data.features),
        Some(_) => (0, 1),
    };
    let [rows, features, hidden] = [rows, features, config.model.hidden].map(|n| n as u64);
    let data = features.checked_add(1).and_then(|columns| rows.checked_mul(columns)?.checked_mul(width));
    // Of each parameter there are its value, its gradient and two moments.
    let inputs = features.checked_add(hidden);
    let parameters = inputs.and_then(|inputs| hidden.checked_mul(inputs)?.checked_mul(4 * width));
    for (key, bytes, what) in [
        ("data.rows", data, format!("{rows} with {features} features")),
        ("model.hidden", parameters, format!("{hidden}, whose parameters with {features} features")),
    ] {
        if bytes.is_none_or(|bytes| bytes > free) {
            let need = bytes.map_or("more than any machine has".to_owned(), shown);
            let problem = format!("is {what} need {need} of memory, {} are free", shown(free));
            return Err(Error::config(key, problem));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
