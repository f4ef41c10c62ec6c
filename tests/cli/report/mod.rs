//! The HTML report.

mod runs;

use std::path::Path;
use std::time::Instant;
use std::{env, fs};

use taper::config::{FileConfig, Scale};
use taper::explain::{Dependence, ErrorKind, Explanation, Importance, Interval, TargetExplanation, Values};
use taper::metrics::Metrics;
use taper::nn::{CosInit, LayerKind};
use taper::report::html;
use taper::run::{Predictions, RunRecord, Weights};

use runs::{Size, diabetes, made_up};

/// The elements `svg` of a page, read by an XML parser that is not ours.
pub(crate) fn pictures(page: &str) -> usize {
    let starts: Vec<_> = page.match_indices("<svg").map(|(start, _)| start).collect();
    for &start in &starts {
        let end = page[start..].find("</svg>").unwrap() + "</svg>".len();
        let svg = &page[start..start + end];
        let document = roxmltree::Document::parse(svg).unwrap_or_else(|error| panic!("{error}: {svg}"));
        let root = document.root_element();
        assert_eq!(root.tag_name().namespace(), Some("http://www.w3.org/2000/svg"));
        let title = root.children().find(|child| child.has_tag_name(("http://www.w3.org/2000/svg", "title")));
        assert!(title.and_then(|title| title.text()).is_some_and(|title| !title.is_empty()), "{svg}");
        assert!(document.descendants().any(|element| element.tag_name().name() == "text"), "{svg}");
    }
    starts.len()
}

/// What holds for the page of every run; how many pictures it has.
fn check(run: &RunRecord) -> usize {
    let page = html(run);
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    assert_eq!(page, html(&run.clone()));
    // Nothing is fetched: no address but the namespace's name, and the policy forbids what a test could miss.
    let without = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for resource in ["http:", "https:", "//", "url(", "@import", "src=", "<script", "<link rel=\"style"] {
        assert!(!without.contains(resource), "{resource}");
    }
    assert!(page.contains("default-src 'none'"));
    for wrong in ["NaN", "nan\"", "-0.00000", "\u{0}"] {
        assert!(!page.contains(wrong), "{wrong}");
    }
    pictures(&page)
}

#[test]
fn a_run_has_all_pictures() {
    // Learning: all folds and each; predictions: three; depth; three layers; timing: epochs and folds.
    assert_eq!(check(&made_up(&Size::default())), 5 + 3 + 1 + 3 + 2);
    let mut cos = made_up(&Size::default());
    cos.config.model.layer = LayerKind::Cos(CosInit::Centred);
    // Two more, the cosines of the two weights.
    assert_eq!(check(&cos), 16);
}

/// Errors of several scaled targets in training are not those of the targets, and have an axis of their own.
#[test]
fn training_and_test_of_several_targets_are_apart() {
    let targets = vec!["price".to_owned(), "rent".to_owned()];
    let mut run = made_up(&Size { targets, ..Size::default() });
    let hint = "These are the errors of the scaled targets.";
    // As they are they have one unit.
    run.config.data.scale = Scale::None;
    assert_eq!(check(&run), 5 + 6 + 1 + 3 + 2);
    let page = html(&run);
    assert!(!page.contains("training</h3>") && !page.contains(hint));

    run.config.data.scale = Scale::Standard;
    assert_eq!(check(&run), 6 + 6 + 1 + 3 + 2);
    let page = html(&run);
    for part in ["<h3>All folds, training</h3>", hint, "<h3>Fold 3</h3>"] {
        assert!(page.contains(part), "{part}");
    }

    // Where nothing is held out, the output layer has a row for each target.
    run.predictions = Predictions::default();
    run.epochs.iter_mut().for_each(|epoch| epoch.test = None);
    for (rows, has_hint) in [(2, true), (1, false)] {
        let output = Weights {
            fold: 0,
            name: "output.weight".to_owned(),
            before: vec![0.1; 32 * rows],
            after: vec![0.2; 32 * rows],
        };
        run.weights = vec![output];
        assert_eq!(html(&run).contains(hint), has_hint, "{rows}");
    }
}

/// Losses on rows for validation stand beside those of the training, and both beside the errors on test rows
/// where they have one unit.
#[test]
fn validation_is_a_curve_of_its_own() {
    let mut run = made_up(&Size::default());
    let pictures = check(&run);
    run.config.train.validation = 0.2;
    for epoch in &mut run.epochs {
        epoch.validation_loss = Some(epoch.train_loss * 1.5);
    }
    assert_eq!(check(&run), pictures);
    let page = html(&run);
    for part in [
        "<i class=\"line third\"></i>validation",
        "<i class=\"line second\"></i>test",
        "The lowest validation error is",
        "The rows for validation are a part of the training rows, set aside.",
        "Each network was taken at its lowest validation loss, after",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // A second training has a plot, and no part in those of the first.
    let first = html(&run);
    let mut refit: Vec<_> = run.epochs.iter().filter(|epoch| epoch.epoch < 3).copied().collect();
    for epoch in &mut refit {
        (epoch.refit, epoch.validation_loss) = (true, None);
    }
    run.epochs.extend(refit);
    assert_eq!(check(&run), pictures + 1);
    let page = html(&run);
    let start = "<h3>All folds</h3>";
    let of_first =
        |page: &str| page[page.find(start).unwrap()..].split("</figure>").next().unwrap().to_owned();
    assert_eq!(of_first(&page), of_first(&first));
    assert!(page.contains("<h3>Second training, on all training rows</h3>"));
}

#[test]
fn words_with_hyphens_stay_whole() {
    let mut run = made_up(&Size::default());
    run.environment = vec![("call".to_owned(), "taper cv --max-depth 9".to_owned())];
    assert!(html(&run).contains("<dd>taper cv <span>--max-depth</span> 9</dd>"));
}

#[test]
fn runs_without_this_or_that() {
    let full = made_up(&Size::default());
    let mut run = full.clone();
    for (removed, pictures) in [
        (|run: &mut RunRecord| run.epochs.iter_mut().for_each(|e| e.test = None), 10),
        (|run| run.weights.clear(), 7),
        (|run| run.predictions = Predictions::new(vec!["y".to_owned()], vec![1]), 4),
        (|run| run.folds.clear(), 3),
        (|run| run.epochs.clear(), 0),
        (|run| run.environment.clear(), 0),
        (|run| run.seconds = None, 0),
        (|run| run.predictions = Predictions::default(), 0),
    ] as [(fn(&mut RunRecord), usize); 8]
    {
        removed(&mut run);
        assert_eq!(check(&run), pictures);
        let mut alone = full.clone();
        removed(&mut alone);
        check(&alone);
    }
}

#[test]
fn small_large_and_strange_runs() {
    let one = Size { folds: 1, epochs: 1, rows: 1, depths: 1, ..Size::default() };
    check(&made_up(&one));
    for scale in [0., 1e300, 1e-300, f64::MIN_POSITIVE, 1e150, 1e-9] {
        check(&made_up(&Size { scale, ..Size::default() }));
        check(&made_up(&Size { scale, ..one.clone() }));
    }
    let names = |n: usize| (0..n).map(|i| format!("target {i}")).collect();
    for size in [
        Size { folds: 100, epochs: 1000, ..Size::default() },
        Size { folds: 30, epochs: 300, depths: 1000, rows: 20, ..Size::default() },
        Size { folds: 20, epochs: 10_000, ..Size::default() },
        Size { folds: 1000, epochs: 2, ..Size::default() },
        Size { rows: 200_000, ..Size::default() },
        Size { rows: 1500, targets: names(3), ..Size::default() },
        Size { rows: 20_000, targets: names(50), ..Size::default() },
        Size { rows: 0, targets: names(2), ..Size::default() },
    ] {
        check(&made_up(&size));
    }
}

#[test]
fn constant_predictions_and_infinite_errors() {
    let mut run = made_up(&Size { rows: 0, ..Size::default() });
    for row in 0..2000 {
        run.predictions.push(row, 0, &[3.], &[7.], &[7.; 4]).unwrap();
    }
    assert_eq!(check(&run), 14);
    for extreme in [f64::MAX, -f64::MAX] {
        run.predictions.push(9, 0, &[extreme], &[-extreme], &[0.; 4]).unwrap();
        check(&run);
    }
    for r2 in [None, Some(f64::INFINITY), Some(f64::NEG_INFINITY), Some(-1e300)] {
        for fold in &mut run.folds {
            fold.metrics = Metrics { mse: f64::INFINITY, rmse: 1e300, mae: 0., r2 };
            fold.mse_by_depth.insert(2, f64::INFINITY);
        }
        run.epochs[3].train_loss = f64::INFINITY;
        run.weights[0].after[7] = f32::INFINITY;
        run.weights[0].before[8] = f32::NAN;
        html(&run);
    }
}

#[test]
fn names_are_text_and_never_markup() {
    for hostile in [
        "<script>alert(1)</script>",
        "\"><img onerror=alert(1)>",
        "' onload='alert(1)",
        "</title></style></svg></main>",
        "&lt;b&gt; &copy ]]> <!-- -->",
        "a\0b\u{7}\u{1b}[31m\u{ffff}\u{202e}",
        &"very long name ".repeat(1000),
        &"w".repeat(10_000),
        "",
    ] {
        let text = || hostile.to_owned();
        let targets = vec![text(), text()];
        let mut run = made_up(&Size { targets, ..Size::default() });
        run.command = text();
        run.config.data.scale = Scale::None;
        run.config.data.file = Some(FileConfig {
            file: text().into(),
            target: vec![text()],
            group: Some(text()),
            ..FileConfig::default()
        });
        run.environment = vec![(text(), text())];
        run.weights.iter_mut().for_each(|weights| weights.name = text());
        let pictures = check(&run);
        assert_eq!(pictures, 5 + 2 * 3 + 1 + 1 + 2);
        let page = html(&run);
        for markup in ["<script", "<img", "' onload='", "<b>", "<!-- ", "\u{7}", "\u{202e}"] {
            assert!(!page.contains(markup), "{markup}");
        }
        for (tag, number) in [("<main>", 1), ("</main>", 1), ("</style>", 1), ("</svg>", pictures)] {
            assert_eq!(page.matches(tag).count(), number, "{tag}");
        }
    }
}

/// Numbers of any size, names of any kind, and of many columns and categories the most important.
#[test]
fn explanations_have_pictures() {
    for (scale, name) in [(1., "a"), (1e300, "<b>&"), (1e-300, ""), (0., &"long ".repeat(100))] {
        let column = |i: i32| {
            let (increase, half) = (scale * f64::from(30 - i), scale * 2.);
            let (low, high) = (increase - half, increase + half);
            Importance { column: format!("{name}{i}"), increase, low, high }
        };
        let dependence = |values: Values, count: i32| {
            let mean: Vec<_> = (0..count).map(|i| scale * f64::from(i * i)).collect();
            let high = mean.iter().map(|y| y + scale).collect();
            Dependence { column: name.to_owned(), values, low: mean.clone(), mean, high }
        };
        let target = |target: &String| TargetExplanation {
            target: target.clone(),
            error: scale,
            columns: (0..30).map(column).collect(),
            dependence: vec![
                dependence(Values::Numbers((0..20).map(|x| scale * f64::from(x)).collect()), 20),
                dependence(Values::Categories((0..40).map(|i| format!("{name}{i}")).collect()), 40),
                dependence(Values::Numbers(Vec::new()), 0),
            ],
        };
        for interval in [Interval::CorrectedStudent, Interval::Shuffles] {
            let targets = vec!["y".to_owned(), name.to_owned()];
            let mut run = made_up(&Size { targets: targets.clone(), ..Size::default() });
            let without = check(&run);
            let targets = targets.iter().map(target).collect();
            let error = ErrorKind::Rmse;
            run.explanation = Some(Explanation { error, repeats: 5, networks: 4, interval, targets });
            assert_eq!(check(&run), without + 2 * (1 + 2));
            let page = html(&run);
            assert!(
                page.contains("15 more columns") && page.contains("25 categories") && !page.contains("<b>")
            );
        }
    }
}

#[test]
fn spikes_and_numbers_of_a_real_run_are_in_its_page() {
    let run = diabetes(LayerKind::Linear).unwrap();
    assert_eq!(check(&run), 5 + 3 + 1 + 6 + 2);
    let page = html(&run);
    assert!(page.contains("442 rows, each predicted by a network that was not trained on it."));
    for fold in &run.folds {
        assert!(page.contains(&format!("<td>{:.0}</td>", fold.metrics.mse)), "{}", fold.metrics.mse);
    }
    let dots = page.matches("<circle").count();
    assert!(dots >= 2 * 442, "{dots}");
}

/// Writes pages to look at into the folder that `TAPER_REPORT_SAMPLES` names; `tests/cli/report/screenshots`
/// looks at them.
#[test]
#[ignore = "writes files to look at"]
fn samples() {
    let folder = env::var("TAPER_REPORT_SAMPLES").expect("TAPER_REPORT_SAMPLES names a folder");
    let write = |name: &str, run: &RunRecord| {
        let start = Instant::now();
        let page = html(run);
        println!("{name}: {} bytes in {:.2?}", page.len(), start.elapsed());
        fs::write(Path::new(&folder).join(name), page).unwrap();
    };
    write("linear.html", &diabetes(LayerKind::Linear).unwrap());
    write("cos.html", &diabetes(LayerKind::Cos(CosInit::Centred)).unwrap());
    let mut holdout = diabetes(LayerKind::Linear).unwrap();
    holdout.command = "train".to_owned();
    holdout.folds.truncate(1);
    holdout.epochs.retain(|epoch| epoch.fold == 0);
    holdout.weights.retain(|weights| weights.fold == 0);
    write("holdout.html", &holdout);
    let mut train = diabetes(LayerKind::Linear).unwrap();
    train.command = "train".to_owned();
    train.folds.clear();
    train.epochs.retain(|epoch| epoch.fold == 0);
    train.weights.retain(|weights| weights.fold == 0);
    train.epochs.iter_mut().for_each(|epoch| epoch.test = None);
    train.predictions = Predictions::new(vec!["target".to_owned()], vec![1]);
    write("train.html", &train);
    let large = Size { folds: 100, epochs: 1000, rows: 1_000_000, depths: 16, ..Size::default() };
    let large = made_up(&large);
    write("large.html", &large);
    let start = Instant::now();
    let mut file = Vec::new();
    large.predictions.write_csv(&mut file).unwrap();
    println!("its predictions: {} MiB written in {:.2?}", file.len() >> 20, start.elapsed());
    let start = Instant::now();
    let read = Predictions::read_csv("predictions.csv", &file[..]).unwrap();
    println!("and read in {:.2?}", start.elapsed());
    assert_eq!(read, large.predictions);
    let long = vec!["WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW".to_owned()];
    let mut long = made_up(&Size { targets: long, folds: 12, scale: 1e-4, ..Size::default() });
    for (depth, mse) in long.folds.iter_mut().flat_map(|fold| &mut fold.mse_by_depth) {
        *mse *= 10f64.powf(*depth as f64);
    }
    long.weights.clear();
    write("long.html", &long);
    let strange = ["<script>alert(1)</script>".to_owned(), "a very long name of a column ".repeat(40)];
    write("strange.html", &made_up(&Size { targets: strange.to_vec(), scale: 1e300, ..Size::default() }));
}
