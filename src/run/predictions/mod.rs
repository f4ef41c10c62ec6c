//! The predictions of a run.

mod file;

use crate::error::{Error, Result};
use crate::memory;
pub(crate) use file::{interval_columns, quantile_column};

/// The true and the predicted values of rows of the data, all finite.
///
/// In a file, [`write_csv`](Self::write_csv) and [`read_csv`](Self::read_csv), there is a line for each row.
/// Of one target `y` and the depths 1 and 2 the columns are `row,fold,y,prediction,depth_1,depth_2`; of
/// several targets each has these four, `y,prediction:y,depth_1:y,depth_2:y`. Where quantiles are predicted
/// those of a target come behind its depths, such as `y_q0.1,y_q0.5,y_q0.9`, and behind these the ends of its
/// interval, `y_lower,y_upper`, where there are intervals. Where depths are learned the last
/// column is `exit`, the depth at which the row exits.
///
/// # Examples
///
/// ```
/// use taper::run::Predictions;
///
/// let mut predictions = Predictions::new(vec!["price".to_owned()], vec![1, 2]);
/// predictions.push(7, 0, &[2.5], &[2.], &[1., 3.])?;
/// let mut file = Vec::new();
/// predictions.write_csv(&mut file).unwrap();
/// assert_eq!(file, b"row,fold,price,prediction,depth_1,depth_2\n7,0,2.5,2.0,1.0,3.0\n");
/// assert_eq!(Predictions::read_csv("predictions.csv", &file[..])?, predictions);
/// # Ok::<(), taper::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Predictions {
    targets: Vec<String>,
    depths: Vec<usize>,
    /// The quantiles that are predicted, in ascending order; none as a rule.
    quantiles: Vec<f64>,
    rows: Vec<usize>,
    folds: Vec<usize>,
    /// The depth at which each row exits, if depths are learned.
    exits: Option<Vec<usize>>,
    /// Whether there are intervals.
    has_bounds: bool,
    /// Of each row, of each target: the true value, the prediction, that at each depth, each quantile, and the
    /// ends of the interval if there are such.
    values: Vec<f64>,
}

/// A number of a row and target of [`Predictions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Predicted {
    /// The true value.
    Truth,
    /// The prediction, the mean over the depths.
    Mean,
    /// The output at a depth, which is counted from 0 in the list of the depths.
    AtDepth(usize),
    /// The prediction of a quantile, which is counted from 0 in the list of the quantiles.
    Quantile(usize),
    /// The lower end of the interval.
    Lower,
    /// The upper end of the interval.
    Upper,
}

impl Predictions {
    /// No rows, of the targets of these names and a network of these depths.
    pub fn new(targets: Vec<String>, depths: Vec<usize>) -> Self {
        Self { targets, depths, ..Self::default() }
    }

    /// The same with predictions of these `quantiles` of each target.
    #[must_use]
    pub fn with_quantiles(self, quantiles: Vec<f64>) -> Self {
        Self { quantiles, ..self }
    }

    /// The same, of a network that learns its depths if `has_exits` says so: each row has the depth at which it
    /// exits.
    #[must_use]
    pub fn with_exits(self, has_exits: bool) -> Self {
        Self { exits: has_exits.then(Vec::new), ..self }
    }

    /// The same with intervals of all predictions so far, which reach as far to each side as `half_width` says
    /// of a target, counted from 0, and a fold. There are to be no more predictions.
    #[must_use]
    pub fn with_bounds(mut self, half_width: impl Fn(usize, usize) -> f64) -> Self {
        let stride = self.stride() - 2 * usize::from(self.has_bounds);
        let before = self.stride();
        let targets = self.targets.len();
        let each = self.values.chunks(before.max(1)).enumerate();
        let values = each.flat_map(|(i, values)| {
            let half = half_width(i % targets, self.folds[i / targets]);
            let ends = [values[1] - half, values[1] + half];
            values[..stride].iter().copied().chain(ends)
        });
        self.values = values.collect();
        self.has_bounds = true;
        self
    }

    /// Adds row `row` of the data, counted from 0, that was predicted by the network of `fold`: the true
    /// values (targets) and the predictions (targets), and row-major those at each depth (depths, targets),
    /// all in the targets' units.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NotFiniteResult`] when a number is not finite, and when there are more or fewer of
    /// them, or no memory for them.
    pub fn push(
        &mut self,
        row: usize,
        fold: usize,
        truth: &[f64],
        mean: &[f64],
        by_depth: &[f64],
    ) -> Result<()> {
        self.push_all(row, fold, [truth, mean, by_depth, &[]], None)
    }

    /// As [`push`](Self::push), of `[truth, mean, by_depth, quantiles]`, where the predictions of the quantiles
    /// are row-major, (targets, quantiles), and of the depth at which the row exits, if depths are learned.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push), and when there is an exit or none where there should not be.
    pub fn push_all(
        &mut self,
        row: usize,
        fold: usize,
        numbers: [&[f64]; 4],
        exit: Option<usize>,
    ) -> Result<()> {
        if exit.is_some() != self.exits.is_some() || exit.is_some_and(|exit| !self.depths.contains(&exit)) {
            let (is, depths) =
                (exit.map_or("no exit".to_owned(), |exit| format!("the exit {exit}")), &self.depths);
            let expected =
                if self.exits.is_some() { format!("one of {depths:?}") } else { "none".to_owned() };
            return Err(candle_core::Error::msg(format!(
                "a row of predictions has {is}, expected {expected}"
            ))
            .into());
        }
        if self.has_bounds {
            let message = "a row of predictions has no interval, expected one as those before it";
            return Err(candle_core::Error::msg(message).into());
        }
        let (count, [truth, mean, by_depth, quantiles]) = (self.targets.len(), numbers);
        let lengths = numbers.map(<[f64]>::len);
        let expected = [count, count, count * self.depths.len(), count * self.quantiles.len()];
        if lengths != expected {
            let message = format!("a row of predictions has {lengths:?} numbers, expected {expected:?}");
            return Err(candle_core::Error::msg(message).into());
        }
        if numbers.into_iter().flatten().any(|value| !value.is_finite()) {
            return Err(Error::NotFiniteResult("a prediction"));
        }
        let width = self.width();
        if memory::grow(&mut self.values, width).is_err() {
            let before = memory::shown(size_of_val(&*self.values) as u64);
            let message =
                format!("a prediction does not fit in memory with those before it, which take {before}");
            return Err(candle_core::Error::msg(message).into());
        }
        for (target, (truth, mean)) in truth.iter().zip(mean).enumerate() {
            self.values.extend([truth, mean]);
            self.values.extend(by_depth.iter().skip(target).step_by(count));
            let each = self.quantiles.len();
            self.values.extend(&quantiles[target * each..][..each]);
        }
        self.rows.push(row);
        self.folds.push(fold);
        if let (Some(exits), Some(exit)) = (&mut self.exits, exit) {
            exits.push(exit);
        }
        Ok(())
    }

    /// Adds the rows of `other`.
    ///
    /// # Errors
    ///
    /// Fails when `other` has other targets, depths or quantiles, or exits where these have none.
    pub fn append(&mut self, other: Self) -> Result<()> {
        let kind = |p: &Self| {
            (p.targets.clone(), p.depths.clone(), p.quantiles.clone(), p.exits.is_some(), p.has_bounds)
        };
        let is_alike = kind(self) == kind(&other);
        if !is_alike {
            let [of, and] = [self, &other]
                .map(|p| format!("{:?} at depths {:?} and quantiles {:?}", p.targets, p.depths, p.quantiles));
            return Err(
                candle_core::Error::msg(format!("predictions of {and} cannot join those of {of}")).into()
            );
        }
        self.rows.extend(other.rows);
        self.folds.extend(other.folds);
        if let (Some(exits), Some(others)) = (&mut self.exits, other.exits) {
            exits.extend(others);
        }
        self.values.extend(other.values);
        Ok(())
    }

    /// Sorts the rows by their numbers in the data, and those of one number by fold.
    pub fn sort(&mut self) {
        let mut order: Vec<_> = (0..self.len()).collect();
        order.sort_by_key(|&i| (self.rows[i], self.folds[i]));
        let width = self.width();
        self.values = order.iter().flat_map(|&i| &self.values[i * width..][..width]).copied().collect();
        self.rows = order.iter().map(|&i| self.rows[i]).collect();
        self.folds = order.iter().map(|&i| self.folds[i]).collect();
        if let Some(exits) = &mut self.exits {
            *exits = order.iter().map(|&i| exits[i]).collect();
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The names of the targets.
    pub fn targets(&self) -> &[String] {
        &self.targets
    }

    /// The depths of the network.
    pub fn depths(&self) -> &[usize] {
        &self.depths
    }

    /// The quantiles that are predicted, in ascending order; none as a rule.
    pub fn quantiles(&self) -> &[f64] {
        &self.quantiles
    }

    /// The numbers of the rows in the data, counted from 0.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// The fold of each row, counted from 0.
    pub fn folds(&self) -> &[usize] {
        &self.folds
    }

    /// The depth at which each row exits, if depths are learned.
    pub fn exits(&self) -> Option<&[usize]> {
        self.exits.as_deref()
    }

    /// One number of each row, of the target `target`, counted from 0; nothing where there is no such
    /// target, depth or quantile.
    pub fn values(&self, target: usize, which: Predicted) -> impl ExactSizeIterator<Item = f64> + Clone {
        let depths = self.depths.len();
        let place = match which {
            Predicted::Truth => Some(0),
            Predicted::Mean => Some(1),
            Predicted::AtDepth(depth) => (depth < depths).then_some(2 + depth),
            Predicted::Quantile(i) => (i < self.quantiles.len()).then_some(2 + depths + i),
            Predicted::Lower => self.has_bounds.then_some(2 + depths + self.quantiles.len()),
            Predicted::Upper => self.has_bounds.then_some(3 + depths + self.quantiles.len()),
        };
        let column = place.filter(|_| target < self.targets.len()).map(|at| target * self.stride() + at);
        let start = column.unwrap_or(self.values.len());
        let values = self.values.get(start..).unwrap_or_default();
        values.iter().step_by(self.width().max(1)).copied()
    }

    /// How many numbers a target has in a row.
    fn stride(&self) -> usize {
        2 + self.depths.len() + self.quantiles.len() + 2 * usize::from(self.has_bounds)
    }

    /// How many numbers a row has.
    fn width(&self) -> usize {
        self.targets.len() * self.stride()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const HARD: [f64; 8] =
        [0.1 + 0.2, 1e300, -1e-300, 5e-324, f64::MAX, -0., 1. / 3., 123_456_789.123_456_78];

    pub(super) fn of(targets: &[&str], depths: &[usize], rows: usize) -> Predictions {
        let targets: Vec<_> = targets.iter().map(|&name| name.to_owned()).collect();
        of_quantiles(&targets, depths, &[], rows)
    }

    pub(super) fn of_quantiles(
        targets: &[String],
        depths: &[usize],
        quantiles: &[f64],
        rows: usize,
    ) -> Predictions {
        let mut predictions =
            Predictions::new(targets.to_vec(), depths.to_vec()).with_quantiles(quantiles.to_vec());
        let mut values = HARD.iter().copied().cycle();
        for row in (0..rows).rev() {
            let mut next = |count| values.by_ref().take(count).collect::<Vec<_>>();
            let (truth, mean) = (next(targets.len()), next(targets.len()));
            let by_depth = next(targets.len() * depths.len());
            let quantiles = next(targets.len() * quantiles.len());
            let numbers = [&truth[..], &mean, &by_depth, &quantiles];
            predictions.push_all(row, row % 3, numbers, None).unwrap();
        }
        predictions
    }

    #[test]
    fn values_are_found_by_target_and_depth() {
        let mut predictions = Predictions::new(vec!["y".to_owned(), "z".to_owned()], vec![1, 3]);
        predictions.push(0, 0, &[1., 2.], &[3., 4.], &[5., 6., 7., 8.]).unwrap();
        predictions.push(1, 0, &[11., 12.], &[13., 14.], &[15., 16., 17., 18.]).unwrap();
        for (target, which, values) in [
            (0, Predicted::Truth, vec![1., 11.]),
            (1, Predicted::Mean, vec![4., 14.]),
            (0, Predicted::AtDepth(1), vec![7., 17.]),
            (1, Predicted::AtDepth(0), vec![6., 16.]),
            (1, Predicted::AtDepth(2), vec![]),
            (2, Predicted::Truth, vec![]),
        ] {
            assert_eq!(predictions.values(target, which).collect::<Vec<_>>(), values, "{target} {which:?}");
        }
        assert_eq!(Predictions::default().values(0, Predicted::Truth).len(), 0);
        let targets = vec!["y".to_owned(), "z".to_owned()];
        let mut predictions = Predictions::new(targets, vec![1]).with_quantiles(vec![0.1, 0.9]);
        let numbers: [&[f64]; 4] = [&[1., 2.], &[3., 4.], &[5., 6.], &[7., 8., 9., 10.]];
        predictions.push_all(0, 0, numbers, None).unwrap();
        let value = |target, i| predictions.values(target, Predicted::Quantile(i)).next();
        assert_eq!([value(0, 0), value(0, 1), value(1, 0), value(1, 1)], [7., 8., 9., 10.].map(Some));
        assert_eq!((value(0, 2), predictions.values(1, Predicted::AtDepth(0)).next()), (None, Some(6.)));
        assert!(predictions.push(1, 0, &[1., 2.], &[3., 4.], &[5., 6.]).is_err());
    }

    #[test]
    fn folds_join_and_rows_are_sorted() {
        let all = of(&["y", "z"], &[1, 2], 9);
        let mut joined = Predictions::new(all.targets.clone(), all.depths.clone());
        for fold in 0..3 {
            let mut part = Predictions::new(all.targets.clone(), all.depths.clone());
            for i in (0..9).filter(|&i| all.folds[i] == fold) {
                part.rows.push(all.rows[i]);
                part.folds.push(fold);
                part.values.extend(&all.values[i * 8..][..8]);
            }
            joined.append(part).unwrap();
        }
        joined.sort();
        assert_eq!(joined.rows(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        let mut sorted = all.clone();
        sorted.sort();
        assert_eq!(joined, sorted);
        assert!(joined.append(of(&["y"], &[1, 2], 1)).is_err());
    }

    #[test]
    fn rows_of_another_width_or_without_a_number_are_refused() {
        let mut predictions = Predictions::new(vec!["y".to_owned()], vec![1]);
        assert!(predictions.push(0, 0, &[1.], &[1.], &[]).is_err());
        assert!(predictions.push(0, 0, &[1., 2.], &[1.], &[1.]).is_err());
        assert!(predictions.push(0, 0, &[1.], &[f64::NAN], &[1.]).is_err());
        assert!(predictions.push(0, 0, &[1.], &[1.], &[f64::INFINITY]).is_err());
        assert!(predictions.push_all(0, 0, [&[1.], &[1.], &[1.], &[]], Some(1)).is_err());
        let mut learned = predictions.clone().with_exits(true);
        for exit in [None, Some(0), Some(2)] {
            assert!(learned.push_all(0, 0, [&[1.], &[1.], &[1.], &[]], exit).is_err(), "{exit:?}");
        }
        assert!(learned.append(predictions.clone()).is_err());
        assert!(predictions.is_empty() && predictions.values.is_empty() && learned.is_empty());
    }

    #[test]
    fn exits_follow_their_rows() {
        let empty = Predictions::new(vec!["y".to_owned()], vec![1, 2, 3]).with_exits(true);
        let part = |rows: &[usize]| {
            let mut part = empty.clone();
            for &row in rows {
                let numbers: [&[f64]; 4] = [&[1.], &[1.], &[1.; 3], &[]];
                part.push_all(row, 0, numbers, Some(1 + row % 3)).unwrap();
            }
            part
        };
        let mut joined = part(&[4, 0, 2]);
        joined.append(part(&[3, 1])).unwrap();
        joined.sort();
        assert_eq!(joined, part(&[0, 1, 2, 3, 4]));
        assert_eq!(joined.exits(), Some(&[1, 2, 3, 1, 2][..]));
    }
}
