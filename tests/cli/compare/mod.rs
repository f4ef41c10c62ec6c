//! `taper compare`: whether a run errs less than others.

mod tables;

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{called, json, taper};
use crate::report::pictures;

/// A folder for runs.
struct Runs(TempDir);

impl Runs {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Makes the run `name` of `args`, and gives its folder.
    fn run(&self, name: &str, args: &str) -> String {
        let out = self.path(name);
        let small = "cv -q --hidden 4 --epochs 2 --members 1 --jobs 2 --out";
        let args: Vec<_> = small.split(' ').chain([out.as_str()]).chain(args.split(' ')).collect();
        let (code, _, message) = called(&args);
        assert_eq!(code, Some(0), "{message}");
        out
    }
}

fn results(run: &str) -> Value {
    serde_json::from_slice(&fs::read(Path::new(run).join("results.json")).unwrap()).unwrap()
}

const DIABETES: &str = "--data tests/data/diabetes.csv --target y --folds 5 --repeats 2";

#[test]
fn runs_on_one_data_set_are_compared_fold_by_fold() {
    let runs = Runs::new();
    let [plain, deep, binned] =
        [("plain", "--block plain"), ("deep", "--block residual"), ("binned", "--block residual --bins 4")]
            .map(|(name, args)| runs.run(name, &format!("{DIABETES} {args}")));
    let found = json(&taper(&["compare", &plain, &deep, "--metric", "mae", "--json"]));
    let arms: Vec<_> =
        found["arms"].as_array().unwrap().iter().map(|arm| arm["name"].as_str().unwrap()).collect();
    assert_eq!((arms, &found["reference"]), (vec!["block=plain", "block=residual"], &"block=plain".into()));
    assert_eq!(found["arms"][1]["settings"], serde_json::json!({"model.block": "residual"}));
    assert_eq!(
        found["sets"],
        serde_json::json!([{"name": "diabetes", "rows": 442, "folds": 5, "repeats": 2, "test_per_train": 0.25}])
    );
    // The ratio is that of the results.
    let [a, b] = [&plain, &deep].map(|run| results(run)["folds"].clone());
    let log_ratios = (0..10).map(|i| (b[i]["mae"].as_f64().unwrap() / a[i]["mae"].as_f64().unwrap()).ln());
    let expected = (log_ratios.sum::<f64>() / 10.).exp();
    let ratio = found["differences"][0]["ratio"].as_f64().unwrap();
    println!("ratio {ratio}, expected {expected}");
    assert!((ratio - expected).abs() <= 1e-12);
    let (p, plain_p) = (&found["differences"][0]["p"], &found["differences"][0]["sets"][0]["plain_p"]);
    assert!(p.as_f64().unwrap() > plain_p.as_f64().unwrap());
    assert_eq!(found["warnings"].as_array().unwrap().len(), 0, "{}", found["warnings"]);

    // The table, with another reference by its folder or its name.
    for reference in [&deep, "block=residual"] {
        let (code, table, message) = called(&["compare", &plain, &deep, "--reference", reference]);
        assert_eq!((code, message.as_str()), (Some(0), ""));
        assert!(
            table.starts_with("block=plain errs ")
                && table.replace('\n', " ").contains("beside block=residual"),
            "{table}"
        );
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    }
    // A page, which is replaced if told so.
    let page = runs.path("page.html");
    let call = ["compare", &plain, &deep, &binned, "--html", &page];
    assert_eq!(called(&call).0, Some(0));
    let text = fs::read_to_string(&page).unwrap();
    assert_eq!(pictures(&text), 1);
    assert!(text.contains("<h1>taper compare</h1>") && text.contains("442 rows, 5 folds, 2 repetitions"));
    let (code, _, message) = called(&call);
    assert!(
        code == Some(2) && message.contains("--html is") && message.contains("`--force` replaces it"),
        "{message}"
    );
    assert_eq!(called(&[&call[..], &["--force"]].concat()).0, Some(0));
    assert_eq!(fs::read_to_string(&page).unwrap(), text);
}

#[test]
fn runs_on_several_data_sets_are_compared_set_by_set() {
    let runs = Runs::new();
    let mut folders = Vec::new();
    for seed in 1..=3 {
        for block in ["plain", "residual", "injection"] {
            let args = format!("--rows 60 --features 3 --folds 3 --block {block} --seed {seed}");
            folders.push(runs.run(&format!("{block}-{seed}"), &args));
        }
    }
    let call: Vec<_> = ["compare"].into_iter().chain(folders.iter().map(String::as_str)).collect();
    let found = json(&taper(&[&call[..], &["--json"]].concat()));
    assert_eq!(found["sets"].as_array().unwrap().len(), 3);
    assert_eq!(found["arms"][2]["name"], "block=injection");
    assert_eq!(found["arms"][2]["sources"], serde_json::json!([folders[2], folders[5], folders[8]]));
    assert_eq!(found["differences"][1]["verdict"], "open");
    assert_eq!(found["differences"][1]["wilcoxon"]["count"], 3);
    let ranks = found["friedman"]["mean_ranks"].as_array().unwrap();
    assert_eq!(ranks.iter().map(|rank| rank.as_f64().unwrap()).sum::<f64>(), 6.);
    let warning = found["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("3 data sets are too few for the signed-rank test to find anything in 2"),
        "{warning}"
    );

    let (code, table, message) = called(&call);
    assert!(code == Some(0) && message.contains("WARN 3 data sets are too few"), "{message}");
    for part in ["synthetic 3", "Friedman's chi-squared", "rank"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let page = runs.path("page.html");
    assert_eq!(called(&[&call[..], &["--html", &page]].concat()).0, Some(0));
    // All, each of two arms, and the ranks.
    assert_eq!(pictures(&fs::read_to_string(page).unwrap()), 4);

    // With names it is the same.
    let arm = |name: &str, first: usize| {
        format!("{name}={},{},{}", folders[first], folders[first + 3], folders[first + 6])
    };
    let named = ["compare", "--json", "--arms", &arm("a", 0), "--arms", &arm("b", 2)];
    let named = json(&taper(&named));
    assert_eq!((&named["arms"][1]["name"], &named["reference"]), (&"b".into(), &"a".into()));
    assert_eq!(named["differences"][0]["sets"], found["differences"][1]["sets"]);
    assert_eq!(named["differences"][0]["bootstrap"], found["differences"][1]["bootstrap"]);
}

#[test]
fn runs_that_cannot_be_compared_are_refused() {
    let runs = Runs::new();
    let base = runs.run("base", DIABETES);
    let seed = runs.run("seed", &format!("{DIABETES} --seed 2"));
    let folds = runs.run("folds", &DIABETES.replace("--folds 5", "--folds 4"));
    let target = runs.run("target", &DIABETES.replace("--target y", "--target s1"));
    let other = runs.run("other", "--rows 50 --features 2");
    let model = runs.path("model");
    let train = ["train", "-q", "--rows", "50", "--features", "2", "--epochs", "1", "--out", &model];
    assert_eq!(called(&train).0, Some(0));
    // The sum of the file is the same, but not what is read of it.
    let rows = fs::read_to_string("tests/data/diabetes.csv").unwrap();
    let gaps = runs.path("gaps.csv");
    fs::write(&gaps, rows.replacen("\n59.0,", "\n,", 1)).unwrap();
    let all = format!("--data {gaps} --target y --folds 5 --missing mean");
    let (filled, dropped) = (runs.run("filled", &all), runs.run("dropped", &all.replace("mean", "drop")));
    let missing = runs.path("missing");
    let damaged = runs.run("damaged", DIABETES);
    fs::write(Path::new(&damaged).join("results.json"), "{}").unwrap();

    for (args, code, expected) in [
        (
            &[&base, &seed][..],
            2,
            "cannot be compared: seed is 2, and 1 there; expected the same folds and seeds",
        ),
        (&[&base, &folds], 2, "cannot be compared: folds is 4, and 5 there"),
        (
            &[&base, &target],
            2,
            "are on different data, and no two runs on the same data differ in a setting; `--arms`",
        ),
        (&[&base, &other], 2, "are on different data"),
        (&[&base, &model], 2, "is a run of `taper train`, expected one of `taper cv`"),
        (
            &[&filled, &dropped],
            2,
            "tested rows, and 442 there; expected the same rows, whatever values are missing",
        ),
        (&[&base, &missing], 1, "cannot be read"),
        (&[&base, &damaged], 1, "results.json: is not as the run wrote it"),
        (&[&base], 2, "there is 1 run, expected at least two to compare"),
        (&[&base, &base], 2, "is given twice"),
    ] {
        let args: Vec<_> = ["compare"].into_iter().chain(args.iter().map(|arg| arg.as_str())).collect();
        let (found, output, message) = called(&args);
        assert_eq!((found, output.as_str(), message.lines().count()), (Some(code), "", 1), "{message}");
        assert!(message.contains(expected), "{message}");
    }
    let twin = runs.run("twin", DIABETES);
    for (args, expected) in [
        (
            &["--reference", "nobody"][..],
            "--reference is nobody, expected one of the runs, or an arm: base, twin",
        ),
        (&["--rope", "-1"], "--rope is -1, expected 0 or more and below 1"),
        (&["--metric", "r2"], "[possible values: rmse, mse, mae, median-ae, mape, pinball]"),
        (&["--metric", "pinball"], "fold 0 has no pinball, expected another metric"),
        (&["--arms", "a=b"], "cannot be used with"),
    ] {
        let (code, _, message) = called(&[&["compare", &base, &twin], args].concat());
        assert!(code == Some(2) && message.contains(expected), "{message}");
    }
    for arm in ["a", "=b", "a=b,,c"] {
        let (code, _, message) = called(&["compare", "--arms", arm]);
        assert!(code == Some(2) && message.contains("expected a name, = and folders of runs"), "{message}");
    }
    let (code, _, message) = called(&["compare"]);
    assert!(code == Some(2) && message.contains("<RUN>"), "{message}");
    // Truths are those of single precision, too.
    let double = runs.run("double", &format!("{DIABETES} --dtype f64"));
    let found = json(&taper(&["compare", &base, &double, "--json"]));
    assert_eq!(found["differences"][0]["arm"], "dtype=f64");
    // Runs that are alike to the last bit.
    let (code, table, _) = called(&["compare", &base, &twin]);
    assert_eq!(code, Some(0));
    assert!(table.starts_with("twin and base err alike: the difference is 0.00 %,"), "{table}");
}

/// Runs of an earlier version have no repetitions, and say less of their errors.
#[test]
fn runs_of_an_earlier_version_are_compared() {
    let runs = Runs::new();
    let [one, other] = ["one", "other"].map(|name| {
        let to = runs.path(name);
        fs::create_dir(&to).unwrap();
        for file in ["config.toml", "environment.json", "predictions.csv", "results.json", "run.json"] {
            fs::copy(Path::new("tests/data/runs/finished").join(file), Path::new(&to).join(file)).unwrap();
        }
        to
    });
    let found = json(&taper(&["compare", &one, &other, "--json"]));
    assert_eq!(
        (&found["differences"][0]["verdict"], &found["sets"][0]["folds"]),
        (&"equal".into(), &2.into())
    );
}
