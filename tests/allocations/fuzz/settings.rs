//! Files of settings.

use std::fs;

use rand::Rng;
use rand::seq::IndexedRandom;
use taper::config::{CvConfig, Settings, keys};
use tempfile::tempdir;

use super::mutate::mutate;
use super::{fuzz, run};

const TOML: &str = r#"
folds = 3
holdout = 0.25
device = "cpu"
[data]
file = "a.csv"
target = ["y", "z"]
features = ["a", "b c"]
missing = "mean"
na = ["-999", ""]
delimiter = ";"
skip_rows = 2
[model]
hidden = 16
layer = "cos"
cos_init = "kaiming"
[train]
lr = 3e-4
epochs = 10
"#;
const YAML: &str = "
folds: 3
dtype: f64
data: &data
  rows: 100
  features: 4
  noise: .inf
model: {hidden: 16, max_depth: 3, layer: linear}
train:
  <<: {lr: 0.1}
  epochs: 10
";
const JSON: &str =
    r#"{"seed": 7, "device": "cuda:0,1", "data": {"rows": 100, "scale": "none"}, "train": {"lr": 1e-3}}"#;
const WORDS: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "\"\"\"",
    "=",
    ":",
    ",",
    "\n",
    "\n  ",
    "- ",
    "*data",
    "&data ",
    "<<: ",
    "!tag ",
    "null",
    "true",
    "1979-05-27",
    "data.",
    "train",
    "lr",
    "hidden",
    "[[",
    ".",
    "\\u0000",
    "#",
];

#[test]
fn settings() {
    let folder = tempdir().unwrap();
    fuzz(300, move |_, rng| {
        let (ending, text) = [("toml", TOML), ("yaml", YAML), ("json", JSON)].choose(rng).unwrap();
        let mut bytes = text.as_bytes().to_vec();
        mutate(rng, &mut bytes, WORDS);
        // As --set gives a value.
        let key = if rng.random_bool(0.9) { keys().choose(rng).unwrap() } else { "train" };
        let _ = Settings::default().set_text(key, &String::from_utf8_lossy(&bytes), str::to_owned);
        let file = folder.path().join(format!("run.{ending}"));
        fs::write(&file, bytes).unwrap();
        CvConfig::from_file(&file).is_ok()
    });
}

/// Nested as deep as the file is long, in time that does not grow with its square, and aliases of aliases.
#[test]
fn nested_settings() {
    let folder = tempdir().unwrap();
    let alias = |i: usize| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "));
    let aliases = format!("a0: &a0 [1]\n{}", (1..40).map(alias).collect::<String>());
    let nested = [
        ("json", "", "["),
        ("json", "", "{\"a\":"),
        ("yaml", "", "["),
        ("yaml", "", "{a: "),
        ("yaml", "", "- "),
        ("toml", "a = ", "["),
        ("toml", "", "["),
        ("toml", "", "a."),
    ];
    let nested = nested.map(|(ending, start, each)| (ending, format!("{start}{}", each.repeat(100_000))));
    let files: Vec<_> = nested.into_iter().chain([("yaml", aliases)]).collect();
    run(0..files.len(), move |case, _| {
        let (ending, text) = &files[case];
        let file = folder.path().join(format!("run.{ending}"));
        fs::write(&file, text).unwrap();
        CvConfig::from_file(&file).is_ok()
    });
}
