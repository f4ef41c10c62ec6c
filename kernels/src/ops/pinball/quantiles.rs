//! The quantiles that a network predicts.

use candle_core::{Error, Result, bail};
use serde::{Deserialize, Serialize};

/// One to 20 quantiles in ascending order, each above 0 and below 1.
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
    count: u64,
    levels: [f64; Self::MOST],
}

impl Quantiles {
    /// The most that there can be; as in `pinball.cu`.
    pub const MOST: usize = 20;

    /// 0.1, 0.5 and 0.9: the median and the deciles at the ends.
    pub const DECILES: Self = {
        let mut levels = [0.; Self::MOST];
        (levels[0], levels[1], levels[2]) = (0.1, 0.5, 0.9);
        Self { count: 3, levels }
    };

    /// These quantiles.
    ///
    /// # Errors
    ///
    /// Fails when there are none or more than [`MOST`](Self::MOST), when one is not above 0 and below 1, and
    /// when they do not ascend.
    pub fn new(levels: &[f64]) -> Result<Self> {
        if levels.is_empty() || levels.len() > Self::MOST {
            bail!("there are {} quantiles, expected 1 to {}", levels.len(), Self::MOST)
        }
        if let Some(level) = levels.iter().find(|&&level| !(level > 0. && level < 1.)) {
            bail!("{level} is no quantile, expected a number above 0 and below 1")
        }
        if let Some(pair) = levels.windows(2).find(|pair| pair[0] >= pair[1]) {
            bail!("the quantile {} comes before {}, expected them in ascending order", pair[0], pair[1])
        }
        let mut all = [0.; Self::MOST];
        all[..levels.len()].copy_from_slice(levels);
        Ok(Self { count: levels.len() as u64, levels: all })
    }

    /// The quantiles, in ascending order.
    pub fn levels(&self) -> &[f64] {
        &self.levels[..self.len()]
    }

    /// Their number, which is not 0.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// The place of the one that is the prediction of a target: 0.5 where it is among them, else the middle
    /// one, of an even number the lower of the two.
    pub fn point(&self) -> usize {
        let median = self.levels().iter().position(|&level| level == 0.5);
        median.unwrap_or((self.len() - 1) / 2)
    }
}

impl TryFrom<Vec<f64>> for Quantiles {
    type Error = Error;

    fn try_from(levels: Vec<f64>) -> Result<Self> {
        Self::new(&levels)
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
    fn others_are_refused() {
        let many: Vec<_> = (1..=21).map(|i| f64::from(i) / 22.).collect();
        for (levels, message) in [
            ([].as_slice(), "there are 0 quantiles, expected 1 to 20"),
            (&many, "there are 21 quantiles, expected 1 to 20"),
            (&[0.1, 1.], "1 is no quantile, expected a number above 0 and below 1"),
            (&[0.], "0 is no quantile, expected a number above 0 and below 1"),
            (&[f64::NAN], "NaN is no quantile, expected a number above 0 and below 1"),
            (&[0.5, 0.5], "the quantile 0.5 comes before 0.5, expected them in ascending order"),
            (&[0.5, 0.1], "the quantile 0.5 comes before 0.1, expected them in ascending order"),
        ] {
            let error = Quantiles::new(levels).unwrap_err().to_string();
            assert_eq!(error.lines().next().unwrap(), message);
        }
        assert!(Quantiles::new(&many[..20]).is_ok());
    }
}
