//! How much an error grows when a column is shuffled.

use candle_core::Tensor;
use rand::Rng;

use super::Explain;
use super::grid::places;
use super::subject::{Subject, replaced, shuffled};
use crate::error::Result;
use crate::stats;

impl Subject<'_> {
    /// Of each column and each target the mean and the standard deviation by which the error grows, which is
    /// one of `errors` as the rows are. All columns are shuffled in the same ways, as in scikit-learn, which
    /// takes noise out of their differences.
    pub(super) fn increases(
        &self,
        features: &Tensor,
        errors: &[f64],
        explain: &Explain,
        rng: &mut impl Rng,
    ) -> Result<Vec<Vec<[f64; 2]>>> {
        let orders: Vec<_> = (0..explain.repeats).map(|_| shuffled(self.rows(), rng)).collect();
        let mut increases = Vec::new();
        for (first, width) in places(&explain.columns) {
            let column = features.narrow(1, first, width)?.contiguous()?;
            let mut of_target = vec![Vec::new(); errors.len()];
            for order in &orders {
                let order = Tensor::new(&order[..], features.device())?;
                let features = replaced(features, first, &column.index_select(&order, 0)?)?;
                let found = self.errors(&features, explain.error)?;
                for ((increases, found), error) in of_target.iter_mut().zip(found).zip(errors) {
                    increases.push(found - error);
                }
            }
            let of_target = of_target.iter();
            increases.push(of_target.map(|all| [stats::mean(all), stats::sample_std(all)]).collect());
        }
        Ok(increases)
    }
}
