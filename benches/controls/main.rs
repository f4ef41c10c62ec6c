//! Whether depths that are learned for each row are worth more than what costs as much: one table for each task.
//!
//! `cargo bench --bench controls -- [--fast] [--seeds N] [FILE:TARGET[:GROUP]]...`. README.md says what is in the
//! tables. On the CPU, on one thread. `--fast` trains for a few epochs under one seed and demands no results.

// A bench that cannot continue should stop.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod controls;
mod network;
#[path = "../common/one_thread.rs"]
mod one_thread;
mod statistics;
mod tasks;

use std::env;

use controls::{Outcome, outcomes};
use statistics::{deviation, mean};
use tasks::Task;

fn main() {
    one_thread::demand();
    let (mut seeds, mut fast, mut files) = (10, false, Vec::new());
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // Of cargo.
            "--bench" => {}
            "--fast" | "--test" => fast = true,
            "--seeds" => seeds = arguments.next().and_then(|number| number.parse().ok()).unwrap(),
            _ if argument.contains(':') => files.push(argument),
            // A filter, which is for the benches that have names.
            _ => {}
        }
    }
    let seeds = if fast { 1 } else { seeds };
    let made = table(&Task::made(fast), seeds);
    if !fast {
        check(&made);
    }
    table(&Task::default(fast), seeds);
    for file in &files {
        table(&Task::file(file, fast), seeds);
    }
}

/// A row of a table: what it is, and its outcome under each seed.
struct Row {
    name: String,
    outcomes: Vec<Outcome>,
}

impl Row {
    fn all(&self, value: impl Fn(&Outcome) -> f64) -> Vec<f64> {
        self.outcomes.iter().map(value).collect()
    }

    fn errors(&self) -> Vec<f64> {
        self.all(|outcome| outcome.error)
    }

    fn ranks(&self) -> Vec<f64> {
        self.outcomes.iter().filter_map(|outcome| outcome.rank).collect()
    }
}

/// Prints the table of `task`, of the seeds 1 to `seeds`.
fn table(task: &Task, seeds: u64) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for seed in 1..=seeds {
        let splits = task.splits(seed);
        let of_split = |(index, split)| outcomes(task, split, seed, index);
        let of_splits: Vec<_> = splits.iter().enumerate().map(of_split).collect();
        for (i, (name, _)) in of_splits[0].iter().enumerate() {
            if rows.len() == i {
                rows.push(Row { name: name.clone(), outcomes: Vec::new() });
            }
            let of = |value: &dyn Fn(&Outcome) -> f64| {
                mean(&of_splits.iter().map(|rows| value(&rows[i].1)).collect::<Vec<_>>())
            };
            rows[i].outcomes.push(Outcome {
                error: of(&|outcome| outcome.error),
                depth: of(&|outcome| outcome.depth),
                flops: of(&|outcome| outcome.flops),
                rank: of_splits[0][i].1.rank.map(|_| of(&|outcome| outcome.rank.unwrap_or(0.))),
            });
        }
    }
    println!("\n{}; mean and standard deviation over {seeds} seeds\n", task.name);
    println!("| | error | depth | flop a row | rank correlation | less the adaptive | larger in |");
    println!("|---|---|---|---|---|---|---|");
    for row in &rows {
        print(row, &rows[0]);
    }
    rows
}

fn print(row: &Row, adaptive: &Row) {
    let (errors, of_adaptive) = (row.errors(), adaptive.errors());
    let differences: Vec<f64> = errors.iter().zip(&of_adaptive).map(|(a, b)| a - b).collect();
    let ranks = row.ranks();
    let rank = match &ranks[..] {
        [] => String::new(),
        ranks => {
            let least = ranks.iter().copied().fold(f64::MAX, f64::min);
            format!("{:.3}, least {least:.3}", mean(ranks))
        }
    };
    println!(
        "| {} | {:.5} ± {:.5} | {:.2} | {:.0} | {rank} | {:+.5} ± {:.5} | {} of {} |",
        row.name,
        mean(&errors),
        deviation(&errors),
        mean(&row.all(|outcome| outcome.depth)),
        mean(&row.all(|outcome| outcome.flops)),
        mean(&differences),
        deviation(&differences),
        differences.iter().filter(|difference| **difference > 0.).count(),
        differences.len(),
    );
}

/// Panics unless the adaptive network goes deeper where more is needed, and errs less than the controls on the
/// task that is made for it.
fn check(rows: &[Row]) {
    let rank = mean(&rows[0].ranks());
    assert!(rank > 0.8, "the rank correlation of depth and need is {rank}, expected more than 0.8");
    let adaptive = mean(&rows[0].errors());
    let is_better = |row: &&Row| {
        row.name.starts_with("fixed") || row.name.contains("permuted") || row.name.contains("mixture")
    };
    for row in rows.iter().filter(is_better) {
        let error = mean(&row.errors());
        assert!(
            adaptive < error,
            "the adaptive network has an error of {adaptive}, and '{}' {error}",
            row.name
        );
    }
}
