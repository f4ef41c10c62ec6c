//! Whether one learner is better than another, and how sure that is.
//!
//! On one data set the errors in the folds of a cross-validation are compared pairwise ([`Resampled`],
//! [`five_by_two`]). Folds share training rows, so their errors go together, and the plain paired t-test
//! finds differences where there are none: its variance is too small. The tests here correct for that; there
//! is no unbiased estimate of that variance (Bengio and Grandvalet 2004, "No unbiased estimator of the
//! variance of k-fold cross-validation"), so they are corrected and not exact.
//!
//! Over many data sets, each of which gives one number, sets are independent: [`wilcoxon`] compares two
//! learners, [`holm`] allows for several comparisons, [`friedman`] asks whether any of several learners
//! differs, and [`Bootstrap`] says by how much.
//!
//! Nothing here knows of runs or networks. [`compare`](mod@crate::compare) applies it to what was measured.

mod bootstrap;
mod distributions;
mod five_by_two;
mod friedman;
mod holm;
mod range;
mod ranks;
mod resampled;
mod test;
mod wilcoxon;

pub use bootstrap::Bootstrap;
pub use five_by_two::{FiveByTwo, five_by_two};
pub use friedman::{Friedman, critical_difference, friedman};
pub use holm::holm;
pub use range::{range_distribution, range_quantile};
pub use ranks::{mean_ranks, ranks};
pub use resampled::{Posterior, Resampled};
pub use test::Test;
pub use wilcoxon::{Wilcoxon, least_sets, wilcoxon};
