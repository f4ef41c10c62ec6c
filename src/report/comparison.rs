//! What a user reads of a comparison.

use std::fmt;

use serde::Serialize;

use super::errors_table::{WIDTH, small_table};
use crate::compare::{
    Arm, Comparison, DataSet, Difference, FEW_SETS, Pair, SetDifference, p_value, probability, round_percent,
    signed,
};
use crate::statistics::Friedman;
use crate::stats::mean;
use crate::text::{number, one_line, significant};

/// The longest name in a table.
const LONGEST: usize = 26;

/// The result of a comparison. Its `Display` is the answer in a sentence and tables that fit the width asked
/// for, 80 columns by default; its `Serialize` is one JSON document.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct ComparisonReport(pub Comparison);

impl fmt::Display for ComparisonReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(comparison) = self;
        let width = f.width().unwrap_or(WIDTH);
        writeln!(f, "{}\n", wrapped(&one_line(&comparison.answer), width))?;
        let (header, rows) = arms_table(comparison, LONGEST);
        writeln!(f, "{}", narrowed(&header, &rows, width, "columns").join("\n"))?;
        if comparison.sets.len() > 1 {
            let (header, rows) = sets_table(comparison, LONGEST);
            writeln!(f, "\n{}", narrowed(&header, &rows, width, "arms").join("\n"))?;
        }
        let notes = notes(comparison);
        let notes: Vec<_> = notes.iter().map(|note| wrapped(note, width)).collect();
        write!(f, "\n{}", notes.join("\n"))
    }
}

/// The header and the rows of the table of all arms, the reference first.
pub(super) fn arms_table(comparison: &Comparison, longest: usize) -> (Vec<String>, Vec<Vec<String>>) {
    let is_many = comparison.sets.len() > 1;
    let ranks = comparison.friedman.as_ref().map(|friedman| &friedman.mean_ranks);
    let mut header = vec!["arm".to_owned()];
    if !is_many {
        header.push(comparison.metric.clone());
    }
    header.extend(ranks.map(|_| "rank".to_owned()));
    header.push("change".to_owned());
    header.push(format!("{} % interval", round_percent(comparison.level)));
    header.push(if comparison.differences.len() > 1 { "adjusted p" } else { "p" }.to_owned());
    header.push("better".to_owned());
    header.push(if is_many { "wins" } else { "alike" }.to_owned());
    let row = |(i, arm): (usize, &Arm)| {
        let difference = comparison.differences.iter().find(|difference| difference.arm == arm.name);
        let mut row = vec![cut(&arm.name, longest)];
        if !is_many {
            row.push(number(arm.errors.first().map_or(0., |errors| mean(errors))));
        }
        row.extend(ranks.map(|ranks| format!("{:.2}", ranks[i])));
        row.extend(difference.map_or(vec![String::new(); 5], |of| cells(of, is_many)));
        row
    };
    let is_reference = |(_, arm): &(usize, &Arm)| arm.name == comparison.reference;
    let arms = || comparison.arms.iter().enumerate();
    let rows = arms().filter(is_reference).chain(arms().filter(|arm| !is_reference(arm))).map(row);
    (header, rows.collect())
}

/// What there is to say of an arm beside the reference.
fn cells(of: &Difference, is_many: bool) -> Vec<String> {
    let [low, high] = of.interval.map(signed);
    let last = match of.sets.first() {
        Some(one) if !is_many => probability(one.posterior.within),
        _ => format!("{}/{}", of.wins, of.sets.len()),
    };
    vec![
        format!("{} %", signed(of.ratio)),
        format!("{low} to {high}"),
        p_value(of.p_holm),
        probability(of.better),
        last,
    ]
    .into_iter()
    .map(|cell| cell.replace("above ", ">").replace("below ", "<"))
    .collect()
}

/// The error of the reference on each data set, and the changes of the others, in percent; `*` marks a
/// corrected p-value below the level.
pub(super) fn sets_table(comparison: &Comparison, longest: usize) -> (Vec<String>, Vec<Vec<String>>) {
    let reference = comparison.arms.iter().find(|arm| arm.name == comparison.reference);
    let mut header = vec!["data".to_owned(), comparison.metric.clone()];
    header.extend(comparison.differences.iter().map(|difference| cut(&difference.arm, longest)));
    let row = |(i, set): (usize, &DataSet)| {
        let error = reference.and_then(|arm| arm.errors.get(i)).map_or(0., |errors| mean(errors));
        let changes = comparison.differences.iter().filter_map(|difference| difference.sets.get(i));
        let change = |of: &SetDifference| {
            format!("{}{}", signed(of.ratio), if of.p < 1. - comparison.level { "*" } else { " " })
        };
        [cut(&set.name, longest), number(error)].into_iter().chain(changes.map(change)).collect()
    };
    (header, comparison.sets.iter().enumerate().map(row).collect())
}

/// All pairs of arms.
pub(super) fn pairs_table(comparison: &Comparison) -> (Vec<String>, Vec<Vec<String>>) {
    let level = format!("{} % interval", round_percent(comparison.level));
    let header = ["first", "second", "change", &level, "p", "adjusted p", "better"].map(str::to_owned);
    let row = |pair: &Pair| {
        let [first, second] = pair.arms.clone();
        let [low, high] = pair.interval.map(signed);
        let interval = format!("{low} to {high}");
        let [p, p_holm] = [pair.p, pair.p_holm].map(p_value);
        vec![
            first,
            second,
            format!("{} %", signed(pair.ratio)),
            interval,
            p,
            p_holm,
            probability(pair.better),
        ]
    };
    (header.to_vec(), comparison.pairs.iter().map(row).collect())
}

/// What the numbers are.
pub(super) fn notes(comparison: &Comparison) -> Vec<String> {
    let reference = one_line(&comparison.reference);
    let several = match comparison.differences.len() {
        1 => String::new(),
        n => format!(", adjusted for {n} comparisons by Holm's procedure"),
    };
    let rope = round_percent(comparison.rope);
    match comparison.sets.as_slice() {
        [set] => {
            let folds = set.folds * set.repeats;
            let of_rows = set.rows.map_or_else(String::new, |rows| format!(" of {rows} rows"));
            vec![
                format!(
                    "change: of the geometric mean {} over {folds} folds{of_rows}, beside {reference}; interval and p corrected \
                     for the training rows that folds share{several}",
                    comparison.metric
                ),
                format!(
                    "better: the probability of a lower error on these data; alike: of a difference within {rope} %"
                ),
            ]
        }
        sets => {
            let interval = if sets.len() < FEW_SETS {
                "Student's distribution over the data sets"
            } else {
                "a bootstrap of data sets and folds"
            };
            let mut notes = vec![
                format!(
                    "change: of the geometric mean {} over {} data sets, beside {reference}; interval by {interval}; p of the signed-rank test{several}",
                    comparison.metric,
                    sets.len()
                ),
                "better: the probability of a lower error in a fold of a data set; wins: data sets with a lower mean; * a \
                 corrected p below the level on that data set alone"
                    .to_owned(),
            ];
            notes.extend(ranks_note(comparison));
            notes
        }
    }
}

/// Whether the arms differ at all.
fn ranks_note(comparison: &Comparison) -> Option<String> {
    let Friedman { chi_squared, f, .. } = comparison.friedman.as_ref()?;
    let critical = comparison.critical_difference?;
    let verdict = if f.p < 1. - comparison.level { "the arms differ" } else { "no arm is known to differ" };
    Some(format!(
        "rank: the mean over the data sets, 1 is best; Friedman's chi-squared {}, Iman and Davenport's F {}, p {}: \
         {verdict}; critical difference {critical:.2}",
        significant(chi_squared.statistic, 3),
        significant(f.statistic, 3),
        p_value(f.p)
    ))
}

/// The lines of a table, without the last columns for which there is no room.
fn narrowed(header: &[String], rows: &[Vec<String>], width: usize, what: &str) -> Vec<String> {
    let mut columns = header.len();
    loop {
        let cut = |row: &[String]| row.iter().take(columns).cloned().collect::<Vec<_>>();
        let mut lines =
            [2, 1].map(|gap| small_table(cut(header), rows.iter().map(|row| cut(row)).collect(), gap));
        let fits = |lines: &&mut Vec<String>| lines.iter().all(|line| line.chars().count() <= width);
        if let Some(lines) = lines.iter_mut().find(fits) {
            let left_out = header.len() - columns;
            if left_out > 0 {
                lines.push(format!("{left_out} {what} left out; `json` has all"));
            }
            return lines.clone();
        }
        if columns <= 2 {
            return lines[1].clone();
        }
        columns -= 1;
    }
}

/// The beginning of a name, on one line.
fn cut(name: &str, longest: usize) -> String {
    let name = one_line(name);
    if name.chars().count() <= longest {
        return name;
    }
    name.chars().take(longest - 1).chain(['…']).collect()
}

/// A text in lines of at most `width`, broken between words.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    let fitting = width.saturating_sub(" %".len());
    for word in text.split(' ') {
        match lines.last_mut() {
            // A unit stays with its number.
            Some(line) if word == "%" || line.chars().count() + 1 + word.chars().count() <= fitting => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}
