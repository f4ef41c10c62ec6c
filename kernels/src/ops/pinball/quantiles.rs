//! The quantiles that a network predicts.

use candle_core::Error;
use serde::{Deserialize, Serialize};

/// One to 19 quantiles in ascending order, each above 0 and below 1.
///
/// A network that predicts them has an output for each quantile of each target, those of one target side by
/// side.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use taper::ops::Quantiles;
///
/// let quantiles = Quantiles::new(&[0.1, 0.5, 0.9])?;
/// assert_eq!((quantiles.levels(), quantiles.point()), ([0.1, 0.5, 0.9].as_slice(), 1));
/// assert!(Quantiles::new(&[0.9, 0.1]).is_err());
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
// As a kernel reads it.
#[repr(C)]
pub struct Quantiles {
    /// Behind the last there are zeros.
    levels: [f64; Self::MOST],
}

impl Quantiles {
    /// The most that there can be: at steps of 0.05. As in `pinball.cu`.
    pub const MOST: usize = 19;

    /// 0.1, 0.5 and 0.9: the median and the deciles at the ends.
    pub const DECILES: Self = {
        let mut levels = [0.; Self::MOST];
        (levels[0], levels[1], levels[2]) = (0.1, 0.5, 0.9);
        Self { levels }
    };

    /// These quantiles.
    ///
    /// # Errors
    ///
    /// Fails when there are none or more than [`MOST`](Self::MOST), when one is not above 0 and below 1, and
    /// when they do not ascend.
    pub fn new(levels: &[f64]) -> candle_core::Result<Self> {
        Self::try_new(levels).map_err(Error::msg)
    }

    fn try_new(levels: &[f64]) -> Result<Self, String> {
        let problem = if levels.is_empty() || levels.len() > Self::MOST {
            Some(format!("there are {} quantiles", levels.len()))
        } else if let Some(level) = levels.iter().find(|&&level| !(level > 0. && level < 1.)) {
            Some(format!("{level} is no quantile"))
        } else {
            let pair = levels.windows(2).find(|pair| pair[0] >= pair[1]);
            pair.map(|pair| format!("{} comes before {}", pair[0], pair[1]))
        };
        if let Some(problem) = problem {
            let most = Self::MOST;
            return Err(format!(
                "{problem}, expected 1 to {most} numbers in ascending order, each above 0 and below 1"
            ));
        }
        let mut all = [0.; Self::MOST];
        all[..levels.len()].copy_from_slice(levels);
        Ok(Self { levels: all })
    }

    /// The quantiles, in ascending order.
    pub fn levels(&self) -> &[f64] {
        &self.levels[..self.len()]
    }

    /// The quantile at `place`, below their number.
    pub(super) fn level(&self, place: usize) -> f64 {
        self.levels[place]
    }

    /// Their number, which is not 0.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.levels.iter().position(|&level| level == 0.).unwrap_or(Self::MOST)
    }

    /// The place of the one that is the prediction of a target: 0.5 where it is among them, else the middle
    /// one, of an even number the lower of the two.
    pub fn point(&self) -> usize {
        let median = self.levels().iter().position(|&level| level == 0.5);
        median.unwrap_or((self.len() - 1) / 2)
    }
}

/// The outputs of a network, those of each target side by side, as predictions.
impl Quantiles {
    /// Sorts the outputs of each target, so that quantiles do not cross. It brings none farther from the
    /// truth: Chernozhukov, Fernandez-Val and Galichon, *Quantile and Probability Curves Without Crossing*,
    /// 2010.
    pub fn sort(&self, outputs: &mut [f64]) {
        outputs.chunks_exact_mut(self.len()).for_each(|outputs| outputs.sort_by(f64::total_cmp));
    }

    /// The [point](Self::point) prediction of each target, of outputs that are sorted.
    pub fn points(&self, outputs: &[f64]) -> Vec<f64> {
        outputs.iter().skip(self.point()).step_by(self.len()).copied().collect()
    }
}

impl TryFrom<Vec<f64>> for Quantiles {
    type Error = String;

    fn try_from(levels: Vec<f64>) -> Result<Self, String> {
        Self::try_new(&levels)
    }
}

impl From<Quantiles> for Vec<f64> {
    fn from(quantiles: Quantiles) -> Self {
        quantiles.levels().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_point_is_the_median_or_the_middle() {
        for (levels, point) in [
            ([0.5].as_slice(), 0),
            (&[0.1, 0.9], 0),
            (&[0.5, 0.9, 0.95], 0),
            (&[0.1, 0.2, 0.9], 1),
            (&[0.1, 0.2, 0.8, 0.9], 1),
        ] {
            assert_eq!(Quantiles::new(levels).unwrap().point(), point, "{levels:?}");
        }
    }

    #[test]
    fn the_outputs_of_each_target_are_sorted_by_themselves() {
        let quantiles = Quantiles::DECILES;
        let mut outputs = [3., 1., 2., -1., 0., -2.];
        quantiles.sort(&mut outputs);
        assert_eq!(outputs, [1., 2., 3., -2., -1., 0.]);
        assert_eq!(quantiles.points(&outputs), [2., -1.]);
    }

    #[test]
    fn others_are_refused() {
        let many: Vec<_> = (1..=20).map(|i| f64::from(i) / 21.).collect();
        for (levels, problem) in [
            ([].as_slice(), "there are 0 quantiles"),
            (&many, "there are 20 quantiles"),
            (&[0.1, 1.], "1 is no quantile"),
            (&[0.], "0 is no quantile"),
            (&[f64::NAN], "NaN is no quantile"),
            (&[0.5, 0.5], "0.5 comes before 0.5"),
            (&[0.5, 0.1], "0.5 comes before 0.1"),
        ] {
            let expected = "expected 1 to 19 numbers in ascending order, each above 0 and below 1";
            let error = Quantiles::new(levels).unwrap_err().to_string();
            assert_eq!(error.lines().next().unwrap(), format!("{problem}, {expected}"));
        }
        assert!(Quantiles::new(&many[..19]).is_ok());
    }
}
