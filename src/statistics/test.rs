//! The result of a test.

use serde::Serialize;

use crate::error::{Error, Result};

/// A statistic and how probable one as far out is where there is no difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Test {
    /// The statistic.
    pub statistic: f64,
    /// The p-value; of a statistic that may have either sign it is two-sided.
    pub p: f64,
}

/// Refuses numbers that are not finite or fewer than `least`.
pub(super) fn check(numbers: &[f64], least: usize, what: &str) -> Result<()> {
    if numbers.len() < least {
        let n = numbers.len();
        return Err(Error::Statistics(format!("there are {n} {what}, expected at least {least}")));
    }
    match numbers.iter().find(|number| !number.is_finite()) {
        Some(number) => {
            Err(Error::Statistics(format!("one of the {what} is {number}, expected finite numbers")))
        }
        None => Ok(()),
    }
}
