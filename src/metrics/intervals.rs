//! Intervals of predictions, from the errors on rows that a network was not trained on.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The most sizes that are kept; of more of them every one of about a thousandth.
const MOST_SIZES: usize = 1000;

/// The levels at which it is looked whether intervals cover what they should.
const LEVELS: usize = 19;

/// The sizes of the errors |y - p| of one target on rows that a network was not trained on, from which
/// follow intervals p ± q of any level.
///
/// It is split conformal prediction (Vovk, Gammerman and Shafer 2005; Lei and others 2018, "Distribution-Free
/// Predictive Inference for Regression"): of n errors q is the one of rank ceil(level (n + 1)), so that an
/// interval covers the truth of a new row with at least that probability, if the row is exchangeable with
/// these and they had no part in the training. Where whole groups were set aside it is groups that have to be
/// exchangeable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Residuals {
    /// The number of rows.
    rows: usize,
    /// The sizes in ascending order; of many rows those of every thousandth rank, rounded up.
    sizes: Vec<f64>,
}

impl Residuals {
    /// Those of these sizes.
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::metrics::Residuals;
    ///
    /// let residuals = Residuals::new(vec![3., 1., 2., 5.]);
    /// // The ranks are ceil(0.6 * 5) and ceil(0.8 * 5).
    /// assert_eq!((residuals.half_width(0.6), residuals.half_width(0.8)), (Some(3.), Some(5.)));
    /// assert_eq!((residuals.half_width(0.81), residuals.largest_level()), (None, 0.8));
    /// ```
    pub fn new(mut sizes: Vec<f64>) -> Self {
        sizes.sort_unstable_by(f64::total_cmp);
        let rows = sizes.len();
        if rows > MOST_SIZES {
            sizes = (1..=MOST_SIZES).map(|i| sizes[(i * rows).div_ceil(MOST_SIZES) - 1]).collect();
        }
        Self { rows, sizes }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How far an interval of this level reaches to each side of the prediction; none where there are too few
    /// rows. Of more than 1,000 rows it is that of the level, or of one up to a thousandth above.
    pub fn half_width(&self, level: f64) -> Option<f64> {
        let rank = rank(level, self.rows);
        let place = (rank - 1) * self.sizes.len() / self.rows.max(1);
        self.sizes.get(place).copied().filter(|_| rank <= self.rows)
    }

    /// The highest level that there are rows enough for.
    pub fn largest_level(&self) -> f64 {
        largest_level(self.rows)
    }

    /// Whether it can be used.
    pub(crate) fn is_sound(&self) -> bool {
        let is_size = |size: &f64| size.is_finite() && *size >= 0.;
        self.sizes.len() == self.rows.min(MOST_SIZES)
            && self.sizes.iter().all(is_size)
            && self.sizes.is_sorted()
    }
}

/// The rank, counted from 1, of the size among those of `rows` rows that an interval of `level` needs.
fn rank(level: f64, rows: usize) -> usize {
    // 0.55 * 100 is a little above 55.
    let rank = (level * (rows as f64 + 1.) - 1e-9).ceil();
    #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "it is 1 or more")]
    let rank = rank.max(1.) as usize;
    rank
}

fn largest_level(rows: usize) -> f64 {
    rows as f64 / (rows as f64 + 1.)
}

/// Refuses intervals of `level` from the errors on `rows` rows, if they are too few.
///
/// # Errors
///
/// Fails with [`Error::Config`] of the key `interval`.
pub(crate) fn check_level(level: f64, rows: usize, which: &str) -> Result<()> {
    if rank(level, rows) <= rows {
        return Ok(());
    }
    let problem = format!(
        "is {level}, which needs the errors on more rows than the {rows} {which}; expected at most {}",
        (1e4 * largest_level(rows)).floor() / 1e4
    );
    Err(Error::config("interval", problem))
}

/// How well intervals of predictions cover the truths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// The share of the truths that they should cover.
    pub level: f64,
    /// What there is of each target.
    pub targets: Vec<TargetIntervals>,
}

/// How well intervals of the predictions of one target cover the truths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetIntervals {
    /// The target's name.
    pub target: String,
    /// The share of the truths that the intervals cover.
    pub coverage: f64,
    /// The mean of their widths, in the target's units.
    pub width: f64,
    /// What intervals of other levels would cover.
    pub calibration: Vec<Coverage>,
}

/// What intervals of a level cover.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// The share of the truths that they should cover.
    pub level: f64,
    /// The share that they do.
    pub coverage: f64,
}

impl TargetIntervals {
    /// What there is of the target of this name, if there are rows: `parts` are the sizes of the errors that
    /// intervals should cover, each with those that the intervals come of, which are enough for `level`.
    pub(crate) fn of(target: &str, level: f64, parts: &[(&Residuals, Vec<f64>)]) -> Option<Self> {
        let rows: usize = parts.iter().map(|(_, sizes)| sizes.len()).sum();
        let share = |level: f64| {
            let covered = parts.iter().map(|(residuals, sizes)| {
                let half = residuals.half_width(level)?;
                Some(sizes.iter().filter(|size| **size <= half).count())
            });
            Some(covered.sum::<Option<usize>>()? as f64 / rows as f64)
        };
        let half_widths = parts.iter().map(|(of, sizes)| Some(of.half_width(level)? * sizes.len() as f64));
        let width = 2. * half_widths.sum::<Option<f64>>()? / rows as f64;
        let levels = (1..=LEVELS).map(|i| i as f64 / (LEVELS as f64 + 1.));
        let calibration = levels.filter_map(|level| Some(Coverage { level, coverage: share(level)? }));
        let coverage = share(level).filter(|_| rows > 0)?;
        Some(Self { target: target.to_owned(), coverage, width, calibration: calibration.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: of 9 errors an interval of 0.8 needs the 8th, of 0.9 the 9th, and of more there is none.
    #[test]
    fn ranks_are_those_of_finite_samples() {
        let residuals = Residuals::new((1..=9).rev().map(f64::from).collect());
        let found = [0.05, 0.1, 0.11, 0.5, 0.8, 0.81, 0.9, 0.91].map(|level| residuals.half_width(level));
        assert_eq!(found, [Some(1.), Some(1.), Some(2.), Some(5.), Some(8.), Some(9.), Some(9.), None]);
        assert_eq!(Residuals::new((1..=99).map(f64::from).collect()).half_width(0.55), Some(55.));
        assert_eq!(Residuals::new(Vec::new()).half_width(0.1), None);
        assert!(check_level(0.9, 9, "rows").is_ok());
        assert_eq!(
            check_level(0.95, 9, "rows outside a fold").unwrap_err().to_string(),
            "interval is 0.95, which needs the errors on more rows than the 9 rows outside a fold; expected at most 0.9"
        );
    }

    /// Of many rows the rank is the one that is needed, or one up to a thousandth above.
    #[test]
    fn many_sizes_are_thinned_upwards() {
        for rows in [1000, 1001, 1999, 54_321] {
            let residuals = Residuals::new((1..=rows).map(|i| i as f64).collect());
            assert!(residuals.is_sound() && residuals.sizes.len() == 1000);
            let mut most = 0f64;
            for i in 1..=999 {
                let level = f64::from(i) / 1000.;
                let above = residuals.half_width(level).unwrap() - rank(level, rows) as f64;
                assert!((0. ..=rows.div_ceil(1000) as f64).contains(&above), "{rows} {level}: {above}");
                most = most.max(above / rows as f64);
            }
            println!("{rows} rows: at most {most} above");
        }
        let text = serde_json::to_string(&Residuals::new(vec![0.5, 0.1])).unwrap();
        assert_eq!(text, r#"{"rows":2,"sizes":[0.1,0.5]}"#);
        assert!(!serde_json::from_str::<Residuals>(r#"{"rows":2,"sizes":[0.5,0.1]}"#).unwrap().is_sound());
    }

    #[test]
    fn coverage_and_width_are_over_all_parts() {
        let [narrow, wide] = [1., 2.].map(|by| Residuals::new((1..=9).map(|i| by * f64::from(i)).collect()));
        let parts = [(&narrow, vec![4., 6.]), (&wide, vec![4., 9.5, 10.5, 30.])];
        let found = TargetIntervals::of("y", 0.5, &parts).unwrap();
        assert_eq!((found.coverage, found.width), (3. / 6., 2. * (2. * 5. + 4. * 10.) / 6.));
        assert_eq!(found.calibration.len(), 18);
        assert_eq!(found.calibration[9], Coverage { level: 0.5, coverage: 0.5 });
        assert!(found.calibration.is_sorted_by_key(|point| point.coverage));
        assert_eq!(TargetIntervals::of("y", 0.95, &parts), None);
        assert_eq!(TargetIntervals::of("y", 0.5, &[]), None);
    }
}
