//! The page of a comparison.

use super::axis::{Axis, Kind};
use super::numbers::{number, typeset};
use super::page::{Figure, Key, Page, Row};
use super::picture::{Ink, Picture};
use super::text::{escape, short};
use crate::compare::{Arm, Comparison, DataSet, Difference, round_percent};
use crate::report::comparison::{arms_table, notes, pairs_table, sets_table};

/// The most rows of a picture.
const MOST_ROWS: usize = 40;
/// The most folds in the table of all.
const MOST_FOLDS: usize = 1000;
/// How far the dots of folds are below their interval, in rows.
const FOLDS_BELOW: f64 = 0.25;
/// How long a name beside an axis may be.
const LONGEST: usize = 18;

/// The page of a comparison: the answer first, then the arms, the differences with their intervals, the ranks
/// and all folds, in one self-contained HTML file. The same comparison gives the same bytes.
pub fn comparison_html(comparison: &Comparison) -> String {
    let mut page = Page::default();
    sections(&mut page, "compare", comparison, |_| {});
    page.document("taper compare: report")
}

/// The sections of a page that `command` writes, with `more` of them before those that show all there is.
pub(super) fn sections(
    page: &mut Page,
    command: &str,
    comparison: &Comparison,
    more: impl FnOnce(&mut Page),
) {
    page.push(&format!("<header>\n<h1>taper {command}</h1>"));
    page.push(&format!("<p class=\"lead\">{}.</p>\n</header>", escape(&typeset_words(&comparison.answer))));
    if !comparison.warnings.is_empty() {
        page.section("Warnings");
        page.bullets(&comparison.warnings.iter().collect::<Vec<_>>());
    }
    page.section("Differences");
    page.figures(&differences(comparison));
    let (header, rows) = arms_table(comparison, usize::MAX);
    let rows: Vec<Row> = rows.iter().map(|row| typeset_cells(row)).collect();
    page.table("The arms", &header, &rows, &[]);
    for note in notes(comparison) {
        page.paragraph(&format!("{note}."));
    }
    if comparison.sets.len() > 1 {
        page.section("Data sets");
        let (header, rows) = sets_table(comparison, usize::MAX);
        let rows: Vec<Row> = rows.iter().map(|row| typeset_cells(row)).collect();
        page.figures(&by_set(comparison));
        page.table("Change in percent", &header, &rows, &[]);
    }
    if let Some(figure) = rank_figure(comparison) {
        page.section("Ranks");
        page.figures(&[figure]);
    }
    if !comparison.pairs.is_empty() {
        page.section("Pairs");
        let (header, rows) = pairs_table(comparison);
        let rows: Vec<Row> = rows.iter().map(|row| typeset_cells(row)).collect();
        page.table("All pairs of arms", &header, &rows, &[]);
        page.paragraph(&format!(
            "change: of the second arm beside the first; p adjusted for all {} pairs by Holm's procedure.",
            comparison.pairs.len()
        ));
    }
    more(page);
    page.section("All folds");
    all_folds(page, comparison);
    page.section("Settings");
    settings(page, comparison);
}

/// A row of a forest plot.
struct Change {
    name: String,
    ratio: f64,
    interval: [f64; 2],
    /// The ratios in single folds.
    folds: Vec<f64>,
}

/// The differences of all arms, of one data set with those in its folds.
fn differences(comparison: &Comparison) -> Vec<Figure> {
    let row = |of: &Difference| Change {
        name: of.arm.clone(),
        ratio: of.ratio,
        interval: of.interval,
        folds: if comparison.sets.len() == 1 { fold_ratios(comparison, &of.arm) } else { Vec::new() },
    };
    let rows = comparison.differences.iter().map(row);
    vec![forest(comparison, &format!("Beside {}", short(&comparison.reference)), rows.collect())]
}

/// For each arm its differences on the data sets, and over all of them.
fn by_set(comparison: &Comparison) -> Vec<Figure> {
    let figure = |of: &Difference| {
        let row = |name: &str, ratio, interval| Change {
            name: name.to_owned(),
            ratio,
            interval,
            folds: Vec::new(),
        };
        let sets = of.sets.iter().map(|set| row(&set.set, set.ratio, set.interval));
        let all = row("all", of.ratio, of.interval);
        forest(comparison, &short(&of.arm), [all].into_iter().chain(sets).collect())
    };
    comparison.differences.iter().map(figure).collect()
}

/// The errors of `arm` over those of the reference in the folds of the first data set.
fn fold_ratios(comparison: &Comparison, arm: &str) -> Vec<f64> {
    let errors = |name: &str| {
        let arm = comparison.arms.iter().find(|arm| arm.name == name);
        arm.and_then(|arm| arm.errors.first()).map_or(&[][..], Vec::as_slice)
    };
    errors(arm).iter().zip(errors(&comparison.reference)).map(|(of, to)| of / to).collect()
}

/// Changes with their intervals, one below the other, and the region that counts as none.
fn forest(comparison: &Comparison, title: &str, rows: Vec<Change>) -> Figure {
    let left_out = rows.len().saturating_sub(MOST_ROWS);
    let rows = &rows[..rows.len() - left_out];
    let change = |ratio: f64| 100. * (ratio - 1.);
    let [low, high] = [-comparison.rope, comparison.rope].map(|end| change(end.exp()));
    let of_row = |row: &Change| [row.ratio].into_iter().chain(row.interval).chain(row.folds.clone());
    let ends = rows.iter().flat_map(of_row).map(change);
    let x = Axis::new(
        Kind::Linear,
        &format!("change of the {} in %", comparison.metric),
        ends.chain([low, high]),
    );
    // The first one is at the top.
    let names = rows.iter().rev().map(|row| beside_axis(&row.name));
    let count = rows.len() as f64;
    let mut picture = Picture::rows(rows.len(), x, Axis::named("", names));
    picture.cell(Ink::Muted, 0.2, (low, -0.5), (high, count - 0.5));
    picture.line(Ink::Muted, 1., 1., &[(0., -0.5), (0., count - 0.5)]);
    for (i, row) in rows.iter().enumerate() {
        let place = count - 1. - i as f64;
        let folds: Vec<_> = row.folds.iter().map(|ratio| (change(*ratio), place - FOLDS_BELOW)).collect();
        picture.dots(Ink::Second, 2., 0.5, &folds);
        let [low, high] = row.interval.map(change);
        picture.line(Ink::First, 2.25, 1., &[(low, place), (high, place)]);
        picture.dots(Ink::First, 4.5, 1., &[(change(row.ratio), place)]);
    }
    let more = if left_out == 0 { String::new() } else { format!(" {left_out} more are in the table.") };
    let caption = format!(
        "By how much the {} changes in place of that of {}: left of 0 is better.{more}",
        comparison.metric,
        short(&comparison.reference)
    );
    let level = format!("{} % interval", round_percent(comparison.level));
    let mut legend = vec![
        (Key::Line(Ink::First), level),
        (Key::Area(Ink::Muted), format!("counts as no difference, {} %", round_percent(comparison.rope))),
    ];
    if rows.iter().any(|row| !row.folds.is_empty()) {
        legend.push((Key::Dots(Ink::Second), "a fold".to_owned()));
    }
    Figure { title: title.to_owned(), legend, picture, caption }
}

/// The mean ranks with half the critical difference to each side.
fn rank_figure(comparison: &Comparison) -> Option<Figure> {
    let (friedman, critical) = (comparison.friedman.as_ref()?, comparison.critical_difference?);
    let mut arms: Vec<_> = comparison.arms.iter().zip(&friedman.mean_ranks).collect();
    arms.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    arms.truncate(MOST_ROWS);
    let half = critical / 2.;
    let ends = arms.iter().flat_map(|(_, rank)| [*rank - half, *rank + half]);
    let x = Axis::new(Kind::Linear, "mean rank", ends);
    let names = arms.iter().rev().map(|(arm, _)| beside_axis(&arm.name));
    let mut picture = Picture::rows(arms.len(), x, Axis::named("", names));
    for (i, (_, rank)) in arms.iter().enumerate() {
        let place = (arms.len() - 1 - i) as f64;
        picture.line(Ink::Second, 2.25, 1., &[(**rank - half, place), (**rank + half, place)]);
        picture.dots(Ink::First, 4.5, 1., &[(**rank, place)]);
    }
    let caption = format!(
        "The mean rank of each arm over {} data sets, 1 is best. Two arms differ by Nemenyi's test where their lines do not \
         overlap: the critical difference is {critical:.2}. It depends on which arms there are; the comparisons above \
         do not.",
        comparison.sets.len()
    );
    let legend = vec![
        (Key::Dots(Ink::First), "mean rank".to_owned()),
        (Key::Line(Ink::Second), "half the critical difference to each side".to_owned()),
    ];
    Some(Figure { title: "Critical differences".to_owned(), legend, picture, caption })
}

/// The errors of all arms in all folds.
fn all_folds(page: &mut Page, comparison: &Comparison) {
    let mut header = ["data", "repetition", "fold"].map(str::to_owned).to_vec();
    header.extend(comparison.arms.iter().map(|arm| short(&arm.name)));
    let folds = comparison
        .sets
        .iter()
        .enumerate()
        .flat_map(|(i, set)| (0..set.folds * set.repeats).map(move |fold| (i, fold)));
    let row = |(i, fold): (usize, usize)| -> Row {
        let set: &DataSet = &comparison.sets[i];
        let place = [short(&set.name), (fold / set.folds).to_string(), (fold % set.folds).to_string()];
        let errors = comparison.arms.iter().map(|arm| number(arm.errors[i][fold]));
        place.into_iter().chain(errors).collect()
    };
    let rows: Vec<Row> = folds.clone().take(MOST_FOLDS).map(row).collect();
    page.table(&format!("The {} in all folds", comparison.metric), &header, &rows, &[]);
    if folds.count() > MOST_FOLDS {
        page.paragraph(&format!("The first {MOST_FOLDS} folds are shown."));
    }
}

/// What sets the arms apart, and what was asked.
fn settings(page: &mut Page, comparison: &Comparison) {
    let mut asked = vec![
        ("metric".to_owned(), comparison.metric.clone()),
        ("reference".to_owned(), short(&comparison.reference)),
        ("rope".to_owned(), comparison.rope.to_string()),
        ("level".to_owned(), comparison.level.to_string()),
    ];
    for set in &comparison.sets {
        let rows = set.rows.map_or_else(String::new, |rows| format!("{rows} rows, "));
        let design = format!("{rows}{} folds, {} repetitions", set.folds, set.repeats);
        asked.push((short(&set.name), design));
    }
    page.list(&asked);
    let is_told = |arm: &&Arm| !(arm.settings.is_empty() && arm.sources.is_empty());
    for arm in comparison.arms.iter().filter(is_told) {
        page.push(&format!("<h3>{}</h3>", escape(&short(&arm.name))));
        let settings = arm.settings.iter().map(|(key, value)| (key.clone(), value.clone()));
        let sources = arm.sources.iter().map(|source| ("run".to_owned(), source.clone()));
        page.list(&settings.chain(sources).collect::<Vec<_>>());
    }
}

/// The cells of a row with their minus signs; names stay as they are.
fn typeset_cells(row: &[String]) -> Row {
    let (name, numbers) = row.split_at(row.len().min(1));
    name.iter().map(|name| short(name)).chain(numbers.iter().map(|cell| typeset_words(cell))).collect()
}

/// The words of a text, of which the numbers are typeset.
fn typeset_words(text: &str) -> String {
    let is_number = |word: &str| word.trim_start_matches(['<', '>']).parse::<f64>().is_ok();
    let word = |word: &str| if is_number(word) { typeset(word) } else { word.to_owned() };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// A name that has room beside an axis.
pub(super) fn beside_axis(name: &str) -> String {
    let name = short(name);
    if name.chars().count() <= LONGEST {
        return name;
    }
    name.chars().take(LONGEST - 1).chain(['…']).collect()
}
