//! How predictions go with a column.

use candle_core::Tensor;

use super::Curve;
use super::grid::Grid;
use super::subject::{Subject, replaced};
use crate::error::{Error, Result};
use crate::stats::{mean, quantile_of_sorted};

/// Between which of the rows' own predictions most are.
const MOST_ROWS: [f64; 2] = [0.1, 0.9];

impl Subject<'_> {
    /// The curve of each target: the mean prediction of the rows at each value of the grid, with their
    /// features else as they are.
    pub(super) fn curves(&self, features: &Tensor, grid: &Grid) -> Result<Vec<Curve>> {
        let (rows, targets) = (self.rows(), self.targets());
        if grid.is_empty() {
            return Ok(vec![curve(Vec::new()); targets]);
        }
        let settings = self.settings(grid)?;
        let mut predictions = Vec::new();
        for value in 0..settings.dims()[0] {
            let same = settings.narrow(0, value, 1)?.repeat((rows, 1))?;
            predictions.push(self.points(&replaced(features, grid.first, &same)?)?);
        }
        if predictions.iter().flatten().any(|prediction| !prediction.is_finite()) {
            return Err(Error::NotFiniteResult("a prediction of rows one of whose columns was set"));
        }
        let of_target = |target| {
            let of_row = |row: usize| predictions.iter().map(move |all| all[row * targets + target]);
            curve((0..rows).map(|row| of_row(row).collect()).collect())
        };
        Ok((0..targets).map(of_target).collect())
    }

    /// What the network's features of the column are at each value of the grid, (values, width).
    fn settings(&self, grid: &Grid) -> Result<Tensor> {
        let (values, width) = grid.features.dims2()?;
        // Of another row the other columns; they are not looked at.
        let others = self.x.narrow(0, 0, 1)?.repeat((values, 1))?;
        let rows = replaced(&others, grid.first, &grid.features.to_device(self.x.device())?)?;
        Ok((self.prepare)(&rows)?.narrow(1, grid.first, width)?)
    }
}

/// The mean of the rows' own curves, and where most of them are when each is moved to the same mean.
fn curve(rows: Vec<Vec<f64>>) -> Curve {
    let values = rows.first().map_or(0, Vec::len);
    let at = |value: usize| rows.iter().map(move |row| row[value]);
    let means: Vec<f64> = (0..values).map(|value| mean(&at(value).collect::<Vec<_>>())).collect();
    let level = mean(&means);
    let offsets: Vec<f64> = rows.iter().map(|row| level - mean(row)).collect();
    let [mut low, mut high] = [(); 2].map(|()| Vec::with_capacity(values));
    for value in 0..values {
        let mut moved: Vec<f64> = at(value).zip(&offsets).map(|(y, offset)| y + offset).collect();
        moved.sort_unstable_by(f64::total_cmp);
        low.push(quantile_of_sorted(&moved, MOST_ROWS[0]));
        high.push(quantile_of_sorted(&moved, MOST_ROWS[1]));
    }
    Curve { mean: means, low, high }
}
