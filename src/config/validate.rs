//! What makes sense in a configuration.

use candle_core::DType;
use sysinfo::System;

use crate::config::{CvConfig, ValidConfig};
use crate::error::{Error, Result};

impl CvConfig {
    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`], which names the first setting that makes no sense and says what would.
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
        let Self { data, model, train, folds, .. } = &self;
        at_least("data.rows", data.rows, 2)?;
        at_least("data.features", data.features, 1)?;
        finite("data.noise", data.noise, data.noise >= 0., "of 0 or more")?;
        at_least("folds", *folds, 2)?;
        if *folds > data.rows {
            return Err(Error::config(
                "folds",
                format!("is {folds}, expected at most the {} rows", data.rows),
            ));
        }
        at_least("model.hidden", model.hidden, 1)?;
        if model.min_depth > model.max_depth {
            return Err(Error::config(
                "model.min_depth",
                format!("is {}, expected at most the maximum of {}", model.min_depth, model.max_depth),
            ));
        }
        at_least("train.epochs", train.epochs, 1)?;
        at_least("train.batch_size", train.batch_size, 1)?;
        finite("train.lr", train.lr, train.lr > 0., "above 0")?;
        finite("train.weight_decay", train.weight_decay, train.weight_decay >= 0., "of 0 or more")?;
        fits_in_memory(&self, free_memory())?;
        Ok(ValidConfig(self))
    }

    /// The least memory that a run needs, in bytes, or `None` when no number holds it.
    fn bytes(&self) -> Option<u64> {
        let width = DType::from(self.dtype).size_in_bytes() as u64;
        let [rows, features, hidden] =
            [self.data.rows, self.data.features, self.model.hidden].map(|n| n as u64);
        let batch = self.train.batch_size.min(self.data.rows) as u64;
        let data = rows.checked_mul(features.checked_add(1)?)?;
        let parameters = hidden.checked_mul(features.checked_add(hidden)?)?;
        let activations = batch.checked_mul(hidden)?.checked_mul(self.model.max_depth as u64)?;
        // Of each parameter there are its value, its gradient and two moments.
        data.checked_add(parameters.checked_mul(4)?)?.checked_add(activations)?.checked_mul(width)
    }
}

fn at_least(key: &'static str, value: usize, least: usize) -> Result<()> {
    if value < least {
        return Err(Error::config(key, format!("is {value}, expected at least {least}")));
    }
    Ok(())
}

/// `range` says in words what `in_range` checks, which is false for NaN.
fn finite(key: &'static str, value: f64, in_range: bool, range: &str) -> Result<()> {
    if !(value.is_finite() && in_range) {
        return Err(Error::config(key, format!("is {value}, expected a finite number {range}")));
    }
    Ok(())
}

fn fits_in_memory(config: &CvConfig, free: u64) -> Result<()> {
    if config.bytes().is_some_and(|bytes| bytes <= free) {
        return Ok(());
    }
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let need =
        config.bytes().map_or("more than any machine has".to_owned(), |n| format!("{:.1} GiB", gib(n)));
    let CvConfig { data, model, .. } = config;
    let problem = format!(
        "is {}, which with {} features, {} hidden units and a depth of {} needs {need} of memory; {:.1} GiB are free",
        data.rows,
        data.features,
        model.hidden,
        model.max_depth,
        gib(free)
    );
    Err(Error::config("data.rows", problem))
}

/// The memory in bytes that this process can still get, from the machine or from its control group.
fn free_memory() -> u64 {
    let mut system = System::new();
    system.refresh_memory();
    let machine = system.available_memory();
    system.cgroup_limits().map_or(machine, |group| machine.min(group.free_memory))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(change: impl FnOnce(&mut CvConfig)) -> String {
        let mut config = CvConfig::default();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_make_sense() {
        CvConfig::default().validate().unwrap();
    }

    #[test]
    fn every_setting_is_checked() {
        assert_eq!(problem(|c| c.data.rows = 1), "data.rows is 1, expected at least 2");
        assert_eq!(problem(|c| c.data.features = 0), "data.features is 0, expected at least 1");
        assert_eq!(problem(|c| c.folds = 1), "folds is 1, expected at least 2");
        assert_eq!(problem(|c| c.folds = 16_385), "folds is 16385, expected at most the 16384 rows");
        assert_eq!(problem(|c| c.model.hidden = 0), "model.hidden is 0, expected at least 1");
        assert_eq!(
            problem(|c| c.model.min_depth = 5),
            "model.min_depth is 5, expected at most the maximum of 4"
        );
        assert_eq!(problem(|c| c.train.epochs = 0), "train.epochs is 0, expected at least 1");
        assert_eq!(problem(|c| c.train.batch_size = 0), "train.batch_size is 0, expected at least 1");
        for lr in [f64::NAN, f64::INFINITY, 0., -1.] {
            let expected = format!("train.lr is {lr}, expected a finite number above 0");
            assert_eq!(problem(|c| c.train.lr = lr), expected);
        }
        for value in [f64::NAN, f64::NEG_INFINITY, -0.1] {
            let expected = format!("is {value}, expected a finite number of 0 or more");
            assert_eq!(problem(|c| c.data.noise = value), format!("data.noise {expected}"));
            assert_eq!(problem(|c| c.train.weight_decay = value), format!("train.weight_decay {expected}"));
        }
    }

    #[test]
    fn what_cannot_fit_in_memory_is_refused() {
        let message = problem(|c| c.data.rows = 4_000_000_000_000);
        assert!(message.contains("GiB of memory"), "{message}");
        let message = problem(|c| (c.data.rows, c.data.features) = (usize::MAX, usize::MAX));
        assert!(message.contains("more than any machine has"), "{message}");
        let message = problem(|c| c.model.hidden = 10_000_000);
        assert!(message.contains("10000000 hidden units"), "{message}");
        let message = problem(|c| c.model.max_depth = 1_000_000_000);
        assert!(message.contains("a depth of 1000000000"), "{message}");
        assert!(fits_in_memory(&CvConfig::default(), 16_384 * 65 * 4).is_err());
        assert!(
            fits_in_memory(&CvConfig::default(), 16_384 * 65 * 4 + 32 * 96 * 16 + 64 * 32 * 4 * 4).is_ok()
        );
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<CvConfig>(r#"{"train": {"learning_rate": 1}}"#).is_err());
        let config: CvConfig = serde_json::from_str(r#"{"train": {"lr": 0.5}, "device": "cuda:1"}"#).unwrap();
        assert_eq!((config.train.lr, config.train.epochs), (0.5, 25));
    }
}
