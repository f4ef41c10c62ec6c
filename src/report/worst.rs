//! The rows whose predictions are the furthest off.

use std::collections::HashSet;

use serde::Serialize;

use crate::run::{Predicted, Predictions};
use crate::text::{number, one_line, shorten};

/// How many rows are told of each target.
const MOST_ROWS: usize = 10;
/// How many of them are in a line.
const IN_A_LINE: usize = 3;
/// Of how many targets there is a line.
const LINES: usize = 3;

/// The rows with the largest errors of one target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorstRows {
    /// The target's name.
    pub target: String,
    /// The rows, the largest error first.
    pub rows: Vec<WorstRow>,
}

/// A row and its prediction, by a network that was not trained on it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct WorstRow {
    /// The row of the data as in `predictions.csv`, counted from 0 and without those that were left out.
    pub row: usize,
    /// The fold, counted from 0.
    pub fold: usize,
    /// The true value.
    pub truth: f64,
    /// The prediction.
    pub prediction: f64,
    /// The truth less the prediction.
    pub error: f64,
}

/// The ten rows with the largest errors of each target. Of a row that several repetitions predict it is the
/// largest.
pub(super) fn worst(predictions: &Predictions) -> Vec<WorstRows> {
    let of_target = |(target, name): (usize, &String)| {
        let truths = predictions.values(target, Predicted::Truth);
        let places = predictions.rows().iter().zip(predictions.folds());
        let all = places.zip(truths.zip(predictions.values(target, Predicted::Mean)));
        let all = all.map(|((&row, &fold), (truth, prediction))| WorstRow {
            row,
            fold,
            truth,
            prediction,
            error: truth - prediction,
        });
        let mut all: Vec<_> = all.collect();
        all.sort_by(|a, b| b.error.abs().total_cmp(&a.error.abs()));
        let mut seen = HashSet::new();
        let rows = all.into_iter().filter(|worst| seen.insert(worst.row)).take(MOST_ROWS).collect();
        WorstRows { target: name.clone(), rows }
    };
    predictions.targets().iter().enumerate().map(of_target).filter(|worst| !worst.rows.is_empty()).collect()
}

/// The worst of them in lines, as many in each as `width` has room for.
pub(super) fn lines(worst: &[WorstRows], width: usize) -> impl Iterator<Item = String> + '_ {
    worst.iter().take(LINES).map(move |WorstRows { target, rows }| {
        let of = if worst.len() > 1 { format!(" of {}", shorten(&one_line(target))) } else { String::new() };
        let mut line = format!("largest errors{of}:");
        for (i, WorstRow { row, truth, prediction, .. }) in rows.iter().take(IN_A_LINE).enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let more = format!("{comma} row {row} ({} for {})", number(*prediction), number(*truth));
            if i > 0 && line.chars().count() + more.chars().count() > width {
                break;
            }
            line += &more;
        }
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_told_once_by_its_largest_error() {
        let mut predictions = Predictions::new(vec!["y".to_owned(), "z".to_owned()], vec![1]);
        for (row, fold, [y, z]) in
            [(0, 0, [1., 0.]), (1, 0, [-5., 2.]), (2, 1, [3., 1.]), (1, 2, [-7., 1.5]), (2, 3, [2., 4.])]
        {
            predictions.push(row, fold, &[10., 20.], &[10. - y, 20. - z], &[0., 0.]).unwrap();
        }
        let found = worst(&predictions);
        let of = |target: usize| -> Vec<_> {
            found[target].rows.iter().map(|worst| (worst.row, worst.fold, worst.error)).collect()
        };
        assert_eq!(of(0), [(1, 2, -7.), (2, 1, 3.), (0, 0, 1.)]);
        assert_eq!(of(1), [(2, 3, 4.), (1, 0, 2.), (0, 0, 0.)]);
        let lines: Vec<_> = lines(&found, 70).collect();
        assert_eq!(lines[0], "largest errors of y: row 1 (17.00 for 10.00), row 2 (7.000 for 10.00)");
        assert_eq!(worst(&Predictions::new(vec!["y".to_owned()], vec![1])), []);
    }
}
