//! The results and settings of a run, in words and numbers.

use std::collections::BTreeMap;

use super::numbers::{count, counted, duration, number, plus_minus, typeset};
use super::page::{Page, Row};
use super::text::short;
use crate::course::Course;
use crate::evaluate::{Evaluation, TargetErrors};
use crate::nn::Halting;
use crate::report::details_table::DetailsTable;
use crate::report::errors_table::Row as ErrorsRow;
use crate::report::quantile_table::QuantileTable;
use crate::report::selection::selected;
use crate::report::transforms::transforms;
use crate::report::worst::{WorstRow, WorstRows, worst};
use crate::results::FoldReport;
use crate::run::{EpochRecord, Predictions, RunRecord};

/// The most depths with a column; of more there is only the plot.
const MOST_DEPTHS: usize = 8;

/// The most targets with a tile of their own.
const MOST_TARGETS: usize = 12;

/// The title, what was run on, and the numbers that matter most.
pub(super) fn head(page: &mut Page, run: &RunRecord) {
    page.head(&run.command, &facts(run), &key_numbers(run));
}

/// What was run, in a few words.
fn facts(run: &RunRecord) -> Vec<String> {
    let mut facts = Vec::new();
    match run.predictions.targets() {
        [] => {}
        [target] => facts.push(format!("target {}", short(target))),
        targets => facts.push(format!("{} targets", count(targets.len()))),
    }
    if !run.predictions.is_empty() {
        facts.push(counted(run.predictions.len(), "row tested", "rows tested"));
    }
    if run.folds.len() > 1 {
        facts.push(counted(run.folds.len(), "fold", "folds"));
        if run.config.repeats > 1 {
            facts.push(counted(run.config.repeats, "repetition", "repetitions"));
        }
    }
    if let Some(epochs) = run.epochs.iter().map(|record| record.epoch.saturating_add(1)).max() {
        facts.push(counted(epochs, "epoch", "epochs"));
    }
    facts.extend(run.seconds.map(duration));
    facts
}

/// The errors on the test rows, or without these the last training error.
fn key_numbers(run: &RunRecord) -> Vec<(String, String)> {
    if run.folds.is_empty() {
        let epochs = selected_epochs(run);
        let is_last = |record: &&EpochRecord| match epochs.get(&record.fold) {
            Some((selected, _)) => record.epoch + 1 == *selected,
            None => true,
        };
        let last = run.epochs.iter().filter(is_last).max_by_key(|record| (record.refit, record.epoch));
        return last.map(|last| ("training loss".to_owned(), number(last.train_loss))).into_iter().collect();
    }
    let (mean, std) = (Evaluation::mean_over(&run.folds), Evaluation::std_over(&run.folds));
    let targets: Vec<_> = mean.targets.iter().zip(&std.targets).collect();
    let (details, spread) = (mean.details, std.details);
    let (mean, std) = (mean.metrics, std.metrics);
    let both = |mean: f64, std: f64| {
        if run.folds.len() > 1 { plus_minus(mean, std) } else { number(mean) }
    };
    if let [_, _, ..] = targets.as_slice() {
        return targets.iter().take(MOST_TARGETS).map(|(mean, std)| target_tile(mean, std, &both)).collect();
    }
    let mut numbers = vec![
        ("RMSE".to_owned(), both(mean.rmse, std.rmse)),
        ("MAE".to_owned(), both(mean.mae, std.mae)),
        ("MSE".to_owned(), both(mean.mse, std.mse)),
    ];
    match (mean.r2.zip(std.r2), run.pooled.as_ref().and_then(|pooled| pooled.metrics.r2)) {
        (Some((mean, std)), _) => numbers.push(("R²".to_owned(), both(mean, std))),
        (None, Some(pooled)) => numbers.push(("R² of all tested rows".to_owned(), number(pooled))),
        (None, None) => {}
    }
    for (name, mean, std) in [
        ("Median absolute error", details.median_ae, spread.median_ae),
        ("Spearman's ρ", details.spearman, spread.spearman),
    ] {
        numbers.extend(mean.zip(std).map(|(mean, std)| (name.to_owned(), both(mean, std))));
    }
    numbers
}

/// What matters most of one of several targets: how much of its variance is explained, or its error where
/// that is not known.
fn target_tile(
    mean: &TargetErrors,
    std: &TargetErrors,
    both: &impl Fn(f64, f64) -> String,
) -> (String, String) {
    let name = short(&mean.target);
    match mean.metrics.r2.zip(std.metrics.r2) {
        Some((mean, std)) => (format!("R² of {name}"), both(mean, std)),
        None => (format!("RMSE of {name}"), both(mean.metrics.rmse, std.metrics.rmse)),
    }
}

/// After how many of how many epochs the network of each fold was taken; nothing where no rows were set aside
/// for validation.
fn selected_epochs(run: &RunRecord) -> BTreeMap<usize, (usize, usize)> {
    let mut courses: BTreeMap<usize, Course> = BTreeMap::new();
    for record in run.epochs.iter().filter(|_| run.config.train.has_validation()) {
        let course = courses
            .entry(record.fold)
            .or_insert_with(|| Course::new(&run.config.train, run.config.model.halting));
        course.push(record.validation_loss);
    }
    courses.into_iter().map(|(fold, course)| (fold, (course.selected(), course.first()))).collect()
}

/// The errors of each fold, their mean and their standard deviation.
pub(super) fn table(page: &mut Page, run: &RunRecord) {
    let folds = &run.folds;
    let epochs = selected_epochs(run);
    if !epochs.is_empty() {
        let epochs: Vec<_> = epochs.values().copied().collect();
        let sentence = selected(&run.config.train, &epochs);
        let (first, rest) = sentence.split_at(1);
        page.paragraph(&format!(
            "{}{rest}. The validation loss is that on training rows that were set aside; it is not an error on test rows.",
            first.to_uppercase()
        ));
    }
    let networks = folds.iter().map(|fold| (fold.validation.as_ref(), &fold.target_transforms[..]));
    if let Some(sentence) =
        transforms(run.config.train.target_transform, networks).filter(|_| !folds.is_empty())
    {
        let (first, rest) = sentence.split_at(1);
        page.paragraph(&format!(
            "{}{rest}. Errors are in the target's own units all the same, and so is the validation loss of one target; \
             the loss of the training is that of transformed and scaled targets.",
            first.to_uppercase()
        ));
    }
    if folds.is_empty() {
        page.paragraph(
            "No rows were held out, so there are no errors on rows that the network has not seen.",
        );
        return;
    }
    let (mean, std) = (Evaluation::mean_over(folds), Evaluation::std_over(folds));
    let depths = mean.mse_by_depth.keys().map(|depth| format!("MSE at depth {depth}"));
    let has_depths = mean.mse_by_depth.len() <= MOST_DEPTHS;
    let is_one = folds.len() == 1;
    let first = if is_one { "rows" } else { "fold" };
    let header = [first, "MSE", "RMSE", "MAE", "R²"].map(str::to_owned).into_iter();
    let last = [(!epochs.is_empty()).then(|| "epochs".to_owned()), Some("seconds".to_owned())];
    let header: Vec<_> =
        header.chain(depths.filter(|_| has_depths)).chain(last.into_iter().flatten()).collect();
    let name = |fold: &FoldReport| if is_one { "held out".to_owned() } else { fold.fold.to_string() };
    let none = BTreeMap::default();
    let errors = |row: ErrorsRow| -> Row {
        let depths = if has_depths { &mean.mse_by_depth } else { &none };
        row.cells(depths.keys()).iter().map(|cell| typeset(cell)).collect()
    };
    let with_epochs = |mut row: Row, epochs_of: String| {
        if !epochs.is_empty() {
            row.insert(row.len() - 1, epochs_of);
        }
        row
    };
    let line = |row| with_epochs(errors(row), String::new());
    let of_fold = |fold: &FoldReport| {
        let row = errors(ErrorsRow { name: name(fold), ..ErrorsRow::of_fold(fold) });
        let taken = epochs.get(&fold.fold).map(|(selected, made)| format!("{selected} of {made}"));
        with_epochs(row, taken.unwrap_or_default())
    };
    let rows: Vec<_> = folds.iter().map(of_fold).collect();
    let pooled = run.pooled.as_ref().map(|errors| ErrorsRow::of("pooled", errors));
    let together = [ErrorsRow::of("mean", &mean), ErrorsRow::deviations(&std)].into_iter().chain(pooled);
    let baselines = run.baselines.iter().map(|baseline| ErrorsRow::of(&baseline.name, &baseline.mean));
    let together = together.chain(baselines).map(line);
    let summary: Vec<_> = together.collect();
    let summary = if is_one { Vec::new() } else { summary };
    page.table("Errors on the test rows", &header, &rows, &summary);
    page.paragraph(
        "Errors on rows that the network was not trained on: RMSE and MAE are in the target's own units, MSE is in \
         their square.",
    );
    if run.config.model.halting == Halting::None {
        page.paragraph("The prediction is the mean of the outputs at all depths.");
    }
    if !is_one && run.pooled.is_some() {
        page.paragraph("Pooled errors are those of all tested rows together, whatever their folds.");
    }
    further(page, run, [&mean, &std], first);
    quantiles(page, &mean);
    if mean.targets.len() > 1 {
        let targets: Vec<Row> = mean
            .targets
            .iter()
            .map(|target| {
                let mut row =
                    errors(ErrorsRow { name: short(&target.target), ..ErrorsRow::of_target(target) });
                row.pop(); // The seconds.
                row
            })
            .collect();
        let errors = &header[1..header.len() - 1 - usize::from(!epochs.is_empty())];
        let header: Vec<_> = ["target".to_owned()].into_iter().chain(errors.iter().cloned()).collect();
        page.table("Errors of each target", &header, &targets, &[]);
        page.paragraph(
            "Means over the folds of each target. In the table above all targets count the same, whatever their \
             units: the mean of MSE is mostly that of the target with the largest numbers.",
        );
    }
}

/// The rows with the largest errors.
pub(super) fn worst_rows(page: &mut Page, predictions: &Predictions) {
    for WorstRows { target, rows } in worst(predictions).iter().take(MOST_TARGETS) {
        let header = ["row", "fold", "true", "predicted", "true − predicted"].map(str::to_owned);
        let row = |worst: &WorstRow| -> Row {
            let numbers = [worst.truth, worst.prediction, worst.error].map(number);
            [worst.row.to_string(), worst.fold.to_string()].into_iter().chain(numbers).collect()
        };
        let rows: Vec<_> = rows.iter().map(row).collect();
        page.table(&format!("The largest errors of {}", short(target)), &header, &rows, &[]);
    }
    if !predictions.is_empty() {
        page.paragraph(
            "Rows are numbered as in predictions.csv, from 0 and without those that were left out. A truth that is far from \
             what rows like it have may be a mistake in the data.",
        );
    }
}

/// Other errors than those of the table, where there are any.
fn further(page: &mut Page, run: &RunRecord, [mean, std]: [&Evaluation; 2], first: &'static str) {
    let several = mean.targets.iter().filter(|_| mean.targets.len() > 1);
    let several = several.map(|target| (short(&target.target), &target.details));
    let together = [("mean", Some(mean)), ("std", Some(std)), ("pooled", run.pooled.as_ref())];
    let together =
        together.into_iter().filter_map(|(name, errors)| Some((name.to_owned(), &errors?.details)));
    let together: Vec<_> = match run.folds.as_slice() {
        [fold] => vec![("held out".to_owned(), &fold.details)],
        _ => together.collect(),
    };
    let further = DetailsTable { first, rows: together.into_iter().chain(several).collect() };
    if !further.is_empty() {
        let rows: Vec<Row> = further.cells().iter().map(|row| typeset_all(row)).collect();
        page.table("Further errors", &further.header(), &rows, &[]);
        page.paragraph(
            "The median of the absolute errors, in the target's own units; the mean of the absolute errors, each divided \
             by its target (MAPE, where no target is 0); the share of the variance that is explained if the mean error \
             does not count; and Spearman's correlation of the ranks of predictions and truths.",
        );
    }
}

/// The errors of quantiles, if they are predicted.
fn quantiles(page: &mut Page, mean: &Evaluation) {
    let quantiles = QuantileTable(&mean.targets);
    if !quantiles.is_empty() {
        let rows: Vec<Row> = quantiles.rows().iter().map(|row| typeset_all(row)).collect();
        page.table("Quantiles", &quantiles.header(), &rows, &[]);
        page.paragraph(
            "The mean pinball loss of each predicted quantile, in the target's own units, and its coverage: the share \
             of the truths that are at or below it, which should be near the quantile.",
        );
    }
}

/// The cells of a row with their minus signs and powers.
fn typeset_all(row: &[String]) -> Row {
    row.iter().map(|cell| typeset(cell)).collect()
}

/// The settings, and where and when the run was made.
pub(super) fn settings(page: &mut Page, run: &RunRecord) {
    if !run.environment.is_empty() {
        page.push("<h3>Where and when</h3>");
        page.list(&run.environment);
    }
    page.push("<h3>Configuration</h3>");
    page.list(&run.settings());
}
