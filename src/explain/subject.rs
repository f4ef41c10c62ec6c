//! A network that is asked, with the rows that it is asked about.

use candle_core::Tensor;
use rand::Rng;
use rand::seq::SliceRandom;

use super::{ErrorKind, Explain, Explained, Grids};
use crate::error::{Error, Result};
use crate::evaluate::Readout;

/// The most rows whose columns are shuffled.
const MOST_SHUFFLED: usize = 1 << 14;
/// The most rows whose predictions are averaged for a curve.
const MOST_AVERAGED: usize = 1 << 10;

/// A network and rows that it has not seen.
pub(crate) struct Subject<'a> {
    /// The rows (n, features), as they are kept, a missing value NaN.
    pub(crate) x: Tensor,
    /// Their targets (n, targets), in row-major order.
    pub(crate) truth: Vec<f64>,
    /// What makes features of the network of such rows.
    pub(crate) prepare: &'a dyn Fn(&Tensor) -> Result<Tensor>,
    /// What the network makes of its features.
    pub(crate) predict: &'a dyn Fn(&Tensor) -> Result<Tensor>,
    /// What its outputs are.
    pub(crate) readout: Readout<'a>,
}

impl Subject<'_> {
    /// Asks about the columns; the same `rng` gives the same answer.
    pub(crate) fn explain(
        mut self,
        explain: &Explain,
        grids: &Grids,
        rng: &mut impl Rng,
    ) -> Result<Explained> {
        self.keep(MOST_SHUFFLED, rng)?;
        let features = (self.prepare)(&self.x)?;
        let errors = self.errors(&features, explain.error)?;
        let increases = self.increases(&features, &errors, explain, rng)?;
        self.keep(MOST_AVERAGED, rng)?;
        let features = (self.prepare)(&self.x)?;
        let curves = grids.iter().map(|grid| self.curves(&features, grid)).collect::<Result<_>>()?;
        Ok(Explained { errors, increases, curves })
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> usize {
        self.x.dims()[0]
    }

    /// The number of targets.
    pub(super) fn targets(&self) -> usize {
        self.truth.len() / self.rows().max(1)
    }

    /// Leaves no more than `most` rows, drawn at random.
    fn keep(&mut self, most: usize, rng: &mut impl Rng) -> Result<()> {
        if self.rows() <= most {
            return Ok(());
        }
        let rows = &shuffled(self.rows(), rng)[..most];
        let targets = self.targets();
        let of_row = |&row: &u32| &self.truth[row as usize * targets..][..targets];
        self.truth = rows.iter().flat_map(of_row).copied().collect();
        self.x = self.x.index_select(&Tensor::new(rows, self.x.device())?, 0)?;
        Ok(())
    }

    /// The error of each target, where the network predicts `features`.
    pub(super) fn errors(&self, features: &Tensor, kind: ErrorKind) -> Result<Vec<f64>> {
        let read = self.readout.read(&(self.predict)(features)?)?;
        let targets = self.targets();
        let of_target = |target| {
            let truth = self.truth.iter().skip(target).step_by(targets);
            let points = read.points.iter().skip(target).step_by(targets);
            let mean = |sum: f64| sum / self.rows() as f64;
            match (kind, self.readout.quantiles) {
                (ErrorKind::Rmse, _) => mean(points.zip(truth).map(|(p, y)| (p - y) * (p - y)).sum()).sqrt(),
                (ErrorKind::Pinball, Some(quantiles)) => {
                    let levels = quantiles.levels();
                    let outputs = read.quantiles.chunks_exact(levels.len()).skip(target).step_by(targets);
                    let loss = |(q, y): (&[f64], &f64)| -> f64 {
                        let each = levels
                            .iter()
                            .zip(q)
                            .map(|(level, q)| (level * (y - q)).max((level - 1.) * (y - q)));
                        each.sum::<f64>() / levels.len() as f64
                    };
                    mean(outputs.zip(truth).map(loss).sum())
                }
                (ErrorKind::Mae | ErrorKind::Pinball, _) => {
                    mean(points.zip(truth).map(|(p, y)| (p - y).abs()).sum())
                }
            }
        };
        let errors: Vec<f64> = (0..targets).map(of_target).collect();
        if errors.iter().all(|error| error.is_finite()) {
            return Ok(errors);
        }
        Err(Error::NotFiniteResult("the error on rows whose columns were shuffled"))
    }

    /// The predictions (n, targets) of `features` in the targets' own units.
    pub(super) fn points(&self, features: &Tensor) -> Result<Vec<f64>> {
        Ok(self.readout.read(&(self.predict)(features)?)?.points)
    }
}

/// The numbers of so many rows in a random order.
pub(super) fn shuffled(rows: usize, rng: &mut impl Rng) -> Vec<u32> {
    let mut order: Vec<u32> = (0..rows as u32).collect();
    order.shuffle(rng);
    order
}

/// `features` (n, features) with `columns` (n, width) from number `first` on.
pub(super) fn replaced(features: &Tensor, first: usize, columns: &Tensor) -> candle_core::Result<Tensor> {
    let end = first + columns.dims()[1];
    let rest = features.dims()[1] - end;
    let [before, after] = [features.narrow(1, 0, first)?, features.narrow(1, end, rest)?];
    let parts: Vec<_> = [&before, columns, &after].into_iter().filter(|part| part.elem_count() > 0).collect();
    Tensor::cat(&parts, 1)?.contiguous()
}
