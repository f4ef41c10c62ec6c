//! What a user reads of what predictions depend on.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::errors_table::{WIDTH, small_table};
use crate::explain::{Explanation, Importance, Interval, TargetExplanation};
use crate::text::{number, one_line, shorten};

/// The longest bar.
const LONGEST: usize = 30;
/// The least that there is room for.
const SHORTEST: usize = 5;

/// What a model's predictions of a file depend on. Its `Display` is a table of bars for each target, its
/// `Serialize` one JSON document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExplanationReport {
    /// The file of the model.
    pub model: PathBuf,
    /// The file of the data.
    pub data: PathBuf,
    /// The rows of it.
    pub rows: usize,
    /// The rows that were left out.
    pub left_out: usize,
    /// What the predictions depend on.
    #[serde(flatten)]
    pub explanation: Explanation,
}

impl ExplanationReport {
    /// The importance of each column for each target as CSV: `target,column,increase,low,high`.
    ///
    /// # Errors
    ///
    /// Fails when there is no memory for it.
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut text = csv::Writer::from_writer(Vec::new());
        text.write_record(["target", "column", "increase", "low", "high"])?;
        for TargetExplanation { target, columns, .. } in &self.explanation.targets {
            for Importance { column, increase, low, high } in columns {
                let numbers = [increase, low, high].map(|number| format!("{number:?}"));
                text.write_record([target, column, &numbers[0], &numbers[1], &numbers[2]])?;
            }
        }
        text.into_inner().map_err(|error| error.into_error().into())
    }
}

impl fmt::Display for ExplanationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = f.width().unwrap_or(WIDTH);
        writeln!(f, "{:width$}", ImportanceTables(&self.explanation))?;
        write!(f, "{} on {} rows of {}", self.model.display(), self.rows, self.data.display())?;
        match self.left_out {
            0 => Ok(()),
            left_out => write!(f, ", without {left_out} that lack a value"),
        }
    }
}

/// For each target a table with a bar for each column, and what the numbers are.
pub(super) struct ImportanceTables<'a>(pub(super) &'a Explanation);

impl fmt::Display for ImportanceTables<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(explanation) = self;
        let width = f.width().unwrap_or(WIDTH);
        for target in &explanation.targets {
            let title = if explanation.targets.len() > 1 {
                one_line(&shorten(&target.target))
            } else {
                "column".to_owned()
            };
            let header = [title, format!("{} +", explanation.error.name()), "interval".to_owned()];
            let cells = |Importance { column, increase, low, high }: &Importance| {
                let interval = format!("{} to {}", number(*low), number(*high));
                vec![one_line(&shorten(column)), number(*increase), interval]
            };
            let mut lines = small_table(header.to_vec(), target.columns.iter().map(cells).collect(), 2);
            let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
            let room = width.saturating_sub(longest + 2).min(LONGEST);
            let largest = target.columns.iter().fold(0f64, |largest, of| largest.max(of.increase));
            // Below the header, where there is room.
            for (line, importance) in
                lines.iter_mut().skip(1).zip(&target.columns).filter(|_| room >= SHORTEST)
            {
                let bar = bar(importance.increase / largest, room);
                let gap = if bar.is_empty() { 0 } else { longest + 2 - line.chars().count() };
                *line += &(" ".repeat(gap) + &bar);
            }
            writeln!(f, "{}", lines.join("\n"))?;
        }
        let [measure, intervals] = captions(explanation);
        write!(f, "by how much the {} {measure}\n{intervals}", explanation.error.name())
    }
}

/// A bar of this share of `room`.
fn bar(share: f64, room: usize) -> String {
    #[allow(clippy::cast_sign_loss, reason = "the cast makes 0 of negative numbers and of NaN")]
    let length = (share * room as f64).round() as usize;
    "█".repeat(length.min(room))
}

/// What the numbers are, as the end of a sentence that begins with the error, and what their intervals are.
pub(super) fn captions(explanation: &Explanation) -> [String; 2] {
    let Explanation { repeats, networks, interval, .. } = explanation;
    let times = if *repeats == 1 { "once".to_owned() } else { format!("{repeats} times") };
    let interval = match interval {
        Interval::CorrectedStudent => {
            format!(
                "95 % intervals over {networks} networks, corrected for the training rows that they share"
            )
        }
        Interval::Shuffles => {
            "intervals: a standard deviation of the shuffles to each side; nothing of other rows".to_owned()
        }
    };
    [format!("grows when a column is shuffled, {times}"), interval]
}
