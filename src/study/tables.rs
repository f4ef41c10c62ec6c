//! Plans and states of studies as tables to read.

use std::fmt;
use std::time::Duration;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

use super::plan::Plan;
use super::status::{Counts, Status};
use crate::text::{number, shorten};

/// The data sets, what each arm does on them, and the number of tasks.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table =
            table(["data", "rows", "folds", "arm", "epochs", "networks", "GFLOP each"], 2..7, [3]);
        for set in &self.sets {
            for ((arm, config), operations) in self.arms.iter().zip(&set.configs).zip(&set.operations) {
                table.add_row([
                    shorten(&set.name),
                    set.rows.to_string(),
                    format!("{} x {}", set.folds, set.repeats),
                    shorten(arm),
                    config.train.epochs.to_string(),
                    (set.folds * set.repeats).to_string(),
                    number(operations / 1e9),
                ]);
            }
        }
        let total: f64 = self
            .sets
            .iter()
            .map(|set| set.operations.iter().sum::<f64>() * (set.folds * set.repeats) as f64)
            .sum();
        writeln!(f, "{}\n", trimmed(&table))?;
        write!(f, "{} tasks, {} TFLOP", self.len(), number(total / 1e12))
    }
}

/// How far the arms are, and what each machine has done.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut arms = table(["arm", "done", "failed", "missing"], 1..4, []);
        let row = |name: &str, counts: &Counts| {
            let Counts { done, failed, missing } = counts;
            [shorten(name), done.to_string(), failed.to_string(), missing.to_string()]
        };
        for (arm, counts) in &self.arms {
            arms.add_row(row(arm, counts));
        }
        arms.add_row(row("all", &self.all));
        writeln!(f, "{}", trimmed(&arms))?;
        if !self.hosts.is_empty() {
            let mut hosts = table(["machine", "done", "failed"], 1..3, []);
            for (host, counts) in &self.hosts {
                let [name, done, failed, _] = row(host, counts);
                hosts.add_row([name, done, failed]);
            }
            writeln!(f, "\n{}", trimmed(&hosts))?;
        }
        let time = Duration::from_secs_f64(self.seconds.round().clamp(0., 1e15));
        write!(f, "\nthe tasks took {} together", humantime::format_duration(time))
    }
}

/// A table with these columns, those in `numbers` but not in `texts` to the right.
fn table<const N: usize>(
    header: [&str; N],
    numbers: std::ops::Range<usize>,
    texts: impl IntoIterator<Item = usize>,
) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    let texts: Vec<_> = texts.into_iter().collect();
    for column in numbers.filter(|column| !texts.contains(column)) {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A table without the spaces at the ends of its lines.
fn trimmed(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
