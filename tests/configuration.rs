//! Settings from files, flags and `--set`: what is read, what wins, and what each mistake is told.

// Clippy takes what is outside test functions for production code.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};
use taper::config::{CvConfig, KEYS, Settings};

/// An empty folder of the test `name`.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("configuration").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs `taper` in `folder`.
fn taper(folder: &PathBuf, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taper"));
    command
        .args(args)
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .env_remove("RUST_BACKTRACE")
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// What `taper config` with `args` prints.
fn printed(folder: &PathBuf, args: &[&str]) -> String {
    let output = taper(folder, &[["config"].as_slice(), args].concat());
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The configuration that `taper config` resolves from `args`.
fn resolved(folder: &PathBuf, args: &[&str]) -> Value {
    serde_json::from_str(&printed(folder, &[args, &["--format", "json"]].concat())).unwrap()
}

/// Asserts exit code 2, nothing on stdout, and this one line on stderr.
fn assert_refused(folder: &PathBuf, args: &[&str], message: &str) {
    let output = taper(folder, args);
    assert_eq!(stderr(&output), format!("error: {message}\n"), "{args:?}");
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    assert!(output.stdout.is_empty(), "{args:?}");
}

/// Every setting of synthetic data with a value that is not its default.
const OTHERS: &str = "--folds 3 --holdout 0.25 --seed 18446744073709551615 --device cuda:1,0 --dtype f64 --rows 60 --features 3 \
                      --noise 1e-7 --scale standard --hidden 5 --min-depth 0 --max-depth 2 --layer cos --cos-init kaiming \
                      --epochs 1 --batch-size 7 --lr 0.30000000000000004 --weight-decay 0.1 --engine autograd";

/// Every setting of a file so, but the features, which are chosen by name or by what is dropped.
const FILE: &str = "--data houses.csv --target price,rent --drop id --missing mean --group town --scale none";
const NAMED: &str = "--data houses.csv --target price --features rooms,size";

#[test]
fn what_is_printed_is_read_back_in_every_format() {
    let folder = folder("read_back");
    let default = serde_json::to_value(CvConfig::default()).unwrap();
    let calls = [OTHERS, FILE, NAMED].map(|args| args.split_whitespace().collect::<Vec<_>>());
    let changed = calls.each_ref().map(|args| resolved(&folder, args));
    for key in KEYS {
        let pointer = format!("/{}", key.replace('.', "/"));
        let mut values = changed.iter().filter_map(|config| config.pointer(&pointer));
        assert!(values.any(|value| Some(value) != default.pointer(&pointer)), "{key}");
    }
    let changed = calls.iter().map(Vec::as_slice).zip(&changed);
    for (args, expected) in [([].as_slice(), &default)].into_iter().chain(changed) {
        for (format, ending) in [("toml", "toml"), ("yaml", "yaml"), ("yaml", "yml"), ("json", "json")] {
            let file = format!("run.{ending}");
            let text = printed(&folder, &[args, ["--format", format].as_slice()].concat());
            fs::write(folder.join(&file), &text).unwrap();
            assert_eq!(&resolved(&folder, &["--config", &file]), expected, "{text}");
            assert_eq!(printed(&folder, &["--config", &file, "--format", format]), text);
            let config = CvConfig::from_file(folder.join(&file)).unwrap();
            assert_eq!(&serde_json::to_value(config).unwrap(), expected, "{text}");
        }
    }
}

#[test]
fn toml_explains_every_key() {
    let folder = folder("explains");
    let text = printed(&folder, &[]);
    let texts = [&text, &printed(&folder, &FILE.split_whitespace().collect::<Vec<_>>())];
    for key in KEYS {
        let name = format!("{} = ", key.rsplit('.').next().unwrap());
        let mut explained = 0;
        for text in texts {
            let lines: Vec<_> = text.lines().collect();
            let Some(at) = lines.iter().position(|line| line.starts_with(&name)) else { continue };
            let (comment, has_default) = (lines[at - 1], !["data.file", "data.group"].contains(key));
            assert!(comment.starts_with("# ") && comment.ends_with(']') == has_default, "{key}: {comment}");
            explained += 1;
        }
        assert!(explained > 0, "{key}");
    }
    let layer =
        "# Kind of all layers [possible values: linear, cos] [default: \"linear\"]\nlayer = \"linear\"\n";
    assert!(text.contains(layer), "{text}");
}

/// The ranges in the comments are those that are checked.
#[test]
fn the_ranges_in_the_comments_are_checked() {
    let text = printed(&folder("ranges"), &[]);
    let is_valid = |key: &str, value: f64| {
        let mut settings = Settings::default();
        // Nothing else shall stand in the way.
        settings.set("model.min_depth", 0, str::to_owned).unwrap();
        settings.set_text(key, &value.to_string(), str::to_owned).unwrap();
        settings.validate().is_ok()
    };
    let (mut section, mut comment, mut checked) = (String::new(), "", 0);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.replace(']', ".");
        } else if line.starts_with('#') {
            comment = line;
        } else if let Some((name, _)) = line.split_once(" = ") {
            let key = format!("{section}{name}");
            let words: Vec<_> = comment.split([' ', ',', ';', ':']).collect();
            let number = |at: usize| words.get(at).and_then(|word: &&str| word.parse::<f64>().ok());
            for at in 0..words.len() {
                if words[at..].starts_with(&["or", "more"]) {
                    let least = number(at - 1).unwrap();
                    assert!(is_valid(&key, least) && !is_valid(&key, least - 1.), "{key}: {comment}");
                    checked += 1;
                } else if words[at] == "above" {
                    let limit = number(at + 1).unwrap();
                    assert!(is_valid(&key, limit + 1e-9) && !is_valid(&key, limit), "{key}: {comment}");
                    checked += 1;
                } else if words[at] == "to" && number(at + 1).is_some() {
                    let most = number(at + 1).unwrap();
                    // As many rows are too many for the memory of some machines.
                    assert!(key == "data.rows" || is_valid(&key, most), "{key}: {comment}");
                    assert!(!is_valid(&key, most + 1.), "{key}: {comment}");
                    checked += 1;
                }
            }
        }
    }
    println!("{checked} ranges");
    assert_eq!(checked, 11);
}

#[test]
fn flags_override_the_file_and_set_overrides_both() {
    let folder = folder("precedence");
    fs::write(folder.join("run.toml"), "folds = 5\n[train]\nlr = 0.5\nepochs = 5\n").unwrap();
    let file = ["--config", "run.toml"];
    let lr = |args: &[&str]| resolved(&folder, &[file.as_slice(), args].concat())["train"]["lr"].clone();
    assert_eq!(lr(&[]), json!(0.5));
    assert_eq!(lr(&["--lr", "0.25"]), json!(0.25));
    assert_eq!(lr(&["--lr", "0.25", "--set", "train.lr=3e-4"]), json!(3e-4));
    assert_eq!(lr(&["--set", "train.lr=3e-4", "--lr", "0.25"]), json!(3e-4));
    assert_eq!(lr(&["--set", "train.lr=3e-4", "--set", "train.lr=4e-4"]), json!(4e-4));
    assert_eq!(lr(&["--set", "train={lr: 7, epochs: 3}"]), json!(7.0));
    assert_eq!(lr(&["--set", " train.lr = 7"]), json!(7.0));
    // A flag that was given its default overrides the file all the same.
    assert_eq!(lr(&["--lr", "0.001"]), json!(0.001));
    let config = resolved(&folder, &[file.as_slice(), &["--lr", "0.25"]].concat());
    assert_eq!(
        (&config["folds"], &config["train"]["epochs"], &config["seed"]),
        (&json!(5), &json!(5), &json!(1))
    );
    // What the file has wrong is no matter once it is overridden.
    fs::write(folder.join("run.toml"), "train.lr = -1").unwrap();
    assert_eq!(lr(&["--lr", "0.25"]), json!(0.25));
}

#[test]
fn cv_runs_what_config_prints() {
    let folder = folder("runs");
    let small = "rows: 40\n  features: 2";
    fs::write(folder.join("run.yaml"), format!("data:\n  {small}\ntrain: {{epochs: 1}}\nfolds: 2\n"))
        .unwrap();
    let args = ["--config", "run.yaml", "--set", "model.hidden=3"];
    for command in [["cv"].as_slice(), &[]] {
        let output = taper(&folder, &[command, &args, &["--json", "-q"]].concat());
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["config"], resolved(&folder, &args));
        assert_eq!(report["config"]["model"]["hidden"], 3);
        assert_eq!(report["folds"].as_array().unwrap().len(), 2);
    }
}

/// The names of columns are judged when the file of data is read, and told as they were given all the same.
#[test]
fn a_file_of_data_is_learnt_with_settings_from_anywhere() {
    let folder = folder("data");
    let rows: Vec<_> = (0..20).map(|i| format!("{i},{},{}", i * i % 7, 3 * i)).collect();
    fs::write(folder.join("houses.csv"), format!("size,rooms,price\n{}\n", rows.join("\n"))).unwrap();
    let given = "folds = 2\n[train]\nepochs = 1\n[data]\nfile = \"houses.csv\"\ntarget = [\"prize\"]\n";
    fs::write(folder.join("run.toml"), given).unwrap();
    let message = "is 'prize', which houses.csv does not have; did you mean 'price'?";
    let file = ["--config", "run.toml"];
    assert_refused(&folder, &file, &format!("run.toml:6: data.target {message}"));
    let set = [file.as_slice(), &["--set", "data.target=[prize]"]].concat();
    assert_refused(&folder, &set, &format!("--set data.target {message}"));
    assert_refused(
        &folder,
        &[set.as_slice(), &["--folds", "3"]].concat(),
        &format!("--set data.target {message}"),
    );
    let flag = [file.as_slice(), &["--target", "prize"]].concat();
    assert_refused(&folder, &flag, &format!("--target {message}"));
    let many = [file.as_slice(), &["--target", "price", "--set", "folds=21", "-q"]].concat();
    assert_refused(&folder, &many, "--set folds is 21, expected at most the 20 rows");

    let right =
        [file.as_slice(), &["--target", "price", "--set", "data.features=[size]", "--json", "-q"]].concat();
    let output = taper(&folder, &right);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!({
        "file": "houses.csv", "target": ["price"], "features": ["size"], "drop": [], "missing": "error", "scale": "auto",
    });
    assert_eq!(report["config"]["data"], expected);
}

#[test]
fn empty_files_are_the_default_and_a_mark_of_byte_order_is_skipped() {
    let folder = folder("empty");
    let default = CvConfig::default();
    for (file, text) in [
        ("a.toml", ""),
        ("b.toml", "# nothing\n\n[train]\n"),
        ("a.yaml", ""),
        ("b.yaml", "# nothing\n"),
        ("c.yaml", "train:\n"),
        ("a.json", " \n"),
        ("b.json", "{}"),
        ("c.json", "\u{feff}{\"folds\": 4}"),
        ("c.toml", "\u{feff}folds = 4\r\n"),
    ] {
        fs::write(folder.join(file), text).unwrap();
        assert_eq!(CvConfig::from_file(folder.join(file)).unwrap(), default, "{file}");
    }
}

const WHOLE: &str = "expected a whole number of 0 or more";

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn bad_files_get_one_line_and_exit_code_2() {
    let folder = folder("bad");
    for (file, text, message) in [
        // What is no file of settings.
        ("a.toml", "folds = 3\n[train\nlr = 1", "a.toml:2: unclosed table, expected `]`"),
        (
            "a.toml",
            "folds = 3\nlayer = cos",
            "a.toml:2: string values must be quoted, expected literal string",
        ),
        ("a.toml", "folds = 3\nfolds = 4", "a.toml:2: duplicate key"),
        ("a.toml", "[train]\nlr = 1\n[train]\nepochs = 3", "a.toml:3: duplicate key"),
        ("a.json", "{\"folds\": 3,}", "a.json:1: trailing comma"),
        ("a.json", "{\n\"folds\": 3", "a.json:2: EOF while parsing an object"),
        ("a.json", "{\"folds\": NaN}", "a.json:1: expected value"),
        ("a.json", "{}\n{}", "a.json:2: trailing characters"),
        ("a.json", "{\"folds\": 3,\n\"folds\": 4}", "a.json:2: duplicate entry with key \"folds\""),
        ("a.json", "{\"train\": {},\n \"train\": {}}", "a.json:2: duplicate entry with key \"train\""),
        ("a.json", "[1]", "a.json:1: is a list, expected a section of settings"),
        ("a.yaml", "folds: 3\n bad: 4", "a.yaml:2: mapping values are not allowed in this context"),
        ("a.yaml", "hello", "a.yaml:1: is \"hello\", expected a section of settings"),
        ("a.yaml", "folds: *x", "a.yaml:1: unknown anchor"),
        // Keys.
        (
            "a.toml",
            "[train]\nlearning_rate = 1",
            "a.toml:2: train.learning_rate is unknown, did you mean train.lr?",
        ),
        ("a.toml", "train.Epochs = 1", "a.toml:1: train.Epochs is unknown, did you mean train.epochs?"),
        ("a.toml", "seed = 1\n[trian]\nlr = 1", "a.toml:2: trian is unknown, did you mean train?"),
        ("a.toml", "lr = 1", "a.toml:1: lr is unknown, did you mean train.lr?"),
        (
            "a.json",
            "{\n\"model\": {\n\"depth\": 3}}",
            "a.json:3: model.depth is unknown, did you mean model.max_depth?",
        ),
        ("a.yaml", "data:\n  row: 3", "a.yaml:2: data.row is unknown, did you mean data.rows?"),
        ("a.json", "{\n\"\": 3}", "a.json: \"\" is unknown, did you mean train?"),
        ("a.json", "{\"a\\nb\": 3}", "a.json:1: a\\nb is unknown, did you mean data?"),
        (
            "a.toml",
            &format!("{} = 1", "k".repeat(1000)),
            "a.toml:1: kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk... is unknown, did you mean train?",
        ),
        (
            "a.json",
            "{\"train\": {\"lr\": 1},\n\"train.lr\": 2}",
            "a.json:1: train.lr is given twice, expected it once",
        ),
        ("a.yaml", "optimizer:\n  lr: 3", "a.yaml:1: optimizer is unknown, did you mean train?"),
        ("a.yaml", "folds: 3\nfolds: 4", "a.yaml:1: duplicate entry with key \"folds\""),
        (
            "a.yaml",
            "train:\n\tlr: 3",
            "a.yaml:2: found character that cannot start any token, while scanning for the next token",
        ),
        (
            "a.yaml",
            "train: {<<: 3}",
            "a.yaml: <<: expected a mapping or list of mappings for merging, but found scalar",
        ),
        ("a.yaml", "1: 2", "a.yaml:1: 1 is unknown, did you mean train?"),
        // Types.
        ("a.toml", "[train]\nlr = \"fast\"", "a.toml:2: train.lr is \"fast\", expected a number"),
        ("a.toml", "\ntrain = 5", "a.toml:2: train is 5, expected a section of settings"),
        ("a.toml", "[folds]\nx = 5", &format!("a.toml:1: folds is a section, {WHOLE}")),
        ("a.toml", "folds = [1, 2]", &format!("a.toml:1: folds is a list, {WHOLE}")),
        ("a.toml", "folds = true", &format!("a.toml:1: folds is true, {WHOLE}")),
        ("a.toml", "[train]\nepochs = 2.5", &format!("a.toml:2: train.epochs is 2.5, {WHOLE}")),
        ("a.toml", "[train]\nepochs = -2", &format!("a.toml:2: train.epochs is -2, {WHOLE}")),
        ("a.json", "{\"folds\": null}", &format!("a.json:1: folds is null, {WHOLE}")),
        ("a.json", "{\"seed\": 1e23}", &format!("a.json:1: seed is 1e23, {WHOLE}")),
        ("a.yaml", "train:\n  epochs: many", &format!("a.yaml:2: train.epochs is \"many\", {WHOLE}")),
        ("a.yaml", "train:\n  lr:", "a.yaml:2: train.lr is null, expected a number"),
        ("a.toml", "[model]\nlayer = \"conv\"", "a.toml:2: model.layer is \"conv\", expected linear or cos"),
        ("a.toml", "dtype = 32", "a.toml:1: dtype is 32, expected f32 or f64"),
        ("a.toml", "data.file = 3", "a.toml:1: data.file is 3, expected the path of a file"),
        (
            "a.toml",
            "[data]\nfile = \"a.csv\"\ntarget = \"y\"",
            "a.toml:3: data.target is \"y\", expected a list",
        ),
        (
            "a.yaml",
            "data: {file: a.csv,\n  target: [y, 2]}",
            "a.yaml:2: data.target has 2, expected a text in quotes",
        ),
        (
            "a.yaml",
            "device: no",
            "a.yaml:1: device is \"no\", expected auto, cpu, cuda, cuda:N or cuda:N,M with each GPU once",
        ),
        ("a.yaml", "folds: yes", &format!("a.yaml:1: folds is \"yes\", {WHOLE}")),
        (
            "a.yaml",
            "folds: 18446744073709551616",
            "a.yaml:1: folds: 18446744073709551616 has too many digits, expected a number from -2^63 to below 2^64",
        ),
        (
            "a.yaml",
            "holdout: 1e300",
            "a.yaml:1: holdout is 1e300, expected a finite number from 0 to below 1",
        ),
        (
            "a.yaml",
            "data:\n  features: many",
            "a.yaml:2: data.features is \"many\", expected a number, or beside data.file a list of columns",
        ),
        (
            "a.yaml",
            "data: {file: a.csv,\n  missing: zero}",
            "a.yaml:2: data.missing is \"zero\", expected one of error, drop, mean",
        ),
        // What does not belong together.
        ("a.toml", "[data]\ngroup = \"town\"", "a.toml:2: data.group has a meaning only beside data.file"),
        (
            "a.toml",
            "[data]\nfile = \"a.csv\"\nrows = 9",
            "a.toml:3: data.rows has a meaning only without data.file",
        ),
        (
            "a.json",
            "{\"data\": {\"file\": \"a.csv\",\n\"features\": 9}}",
            "a.json:2: data.features as a number has a meaning only without data.file",
        ),
        (
            "a.toml",
            "[data]\nfile = \"a.csv\"\nfeatures = [\"b\"]\ndrop = [\"c\", \"d\"]",
            "a.toml:4: data.drop is c,d, but the features are chosen by name; expected one or the other",
        ),
        (
            "a.json",
            "{\"train\":\n{\"engine\": true}}",
            "a.json:2: train.engine is true, expected one of auto, fused, autograd",
        ),
        (
            "a.toml",
            "device = \"gpu\"",
            "a.toml:1: device is \"gpu\", expected auto, cpu, cuda, cuda:N or cuda:N,M with each GPU once",
        ),
        // Ranges.
        ("a.toml", "[train]\nlr = nan", "a.toml:2: train.lr is NaN, expected a finite number above 0"),
        ("a.toml", "[train]\nlr = 0", "a.toml:2: train.lr is 0, expected a finite number above 0"),
        ("a.toml", "[train]\nlr = 1e999", "a.toml:2: floating-point number overflowed"),
        ("a.json", "{\"train\": {\"lr\": 1e999}}", "a.json:1: number out of range"),
        (
            "a.yaml",
            "data:\n  noise: -.inf",
            "a.yaml:2: data.noise is -inf, expected a finite number of 0 or more",
        ),
        ("a.toml", "folds = 8\ndata.rows = 5", "a.toml:1: folds is 8, expected at most the 5 rows"),
        ("a.toml", "data.rows = 3", "--folds is 4, expected at most the 3 rows"),
        (
            "a.toml",
            "data.rows = 1000000000000",
            "a.toml:1: data.rows is 1000000000000, expected at most 4294967295",
        ),
        ("a.yaml", "model:\n\n  max_depth: 1001", "a.yaml:3: model.max_depth is 1001, expected at most 1000"),
        (
            "a.json",
            "{\"model\": {\"min_depth\": 9}}",
            "a.json:1: model.min_depth is 9, expected at most the maximum of 4",
        ),
    ] {
        fs::write(folder.join(file), text).unwrap();
        for command in ["config", "cv"] {
            assert_refused(&folder, &[command, "--config", file], message);
        }
        let error = CvConfig::from_file(folder.join(file)).unwrap_err().to_string();
        assert!(error.contains(message.split(": ").last().unwrap().trim_start_matches("--")), "{error}");
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    let folder = folder("unreadable");
    fs::create_dir(folder.join("folder.toml")).unwrap();
    fs::write(folder.join("latin.yaml"), b"folds: 3\ndevice: \xe9").unwrap();
    fs::write(folder.join("big.toml"), "folds = 3\nseed = 99999999999999999999999").unwrap();
    let expected = "expected a name that ends with .toml, .yaml, .yml or .json";
    let big = "99999999999999999999999 has too many digits, expected a number from -2^63 to below 2^64";
    for (file, message) in [
        ("missing.toml", "cannot read missing.toml: No such file or directory (os error 2)".to_owned()),
        ("folder.toml", "cannot read folder.toml: Is a directory (os error 21)".to_owned()),
        ("run.ini", format!("cannot tell the format of run.ini, {expected}")),
        ("run", format!("cannot tell the format of run, {expected}")),
        ("latin.yaml", "latin.yaml:2: is not UTF-8 text".to_owned()),
        ("big.toml", format!("big.toml:2: {big}")),
    ] {
        assert_refused(&folder, &["--config", file], &message);
    }
}

#[test]
fn bad_flags_and_assignments_are_named_as_they_were_given() {
    let folder = folder("flags");
    fs::write(folder.join("run.toml"), "folds = 8\ntrain.lr = 0\n").unwrap();
    for (args, message) in [
        (["--set", "lr"], "--set is \"lr\", expected KEY=VALUE as in train.lr=3e-4"),
        (["--set", ""], "--set is \"\", expected KEY=VALUE as in train.lr=3e-4"),
        (["--set", "=3"], "--set is \"=3\", expected KEY=VALUE as in train.lr=3e-4"),
        (["--set", "train.learning_rate=1"], "--set train.learning_rate is unknown, did you mean train.lr?"),
        (["--set", "train={lrr: 0}"], "--set train.lrr is unknown, did you mean train.lr?"),
        (["--set", "train=5"], "--set train is 5, expected a section of settings"),
        (["--set", "train.lr=fast"], "--set train.lr is \"fast\", expected a number"),
        (["--set", "train.lr="], "--set train.lr is null, expected a number"),
        (["--set", "train.lr=.nan"], "--set train.lr is NaN, expected a finite number above 0"),
        (["--set", "folds=-1"], &format!("--set folds is -1, {WHOLE}")),
        (["--set", "folds=1"], "--set folds is 1, expected at least 2"),
        (["--set", "model.layer=conv"], "--set model.layer is \"conv\", expected linear or cos"),
        (
            ["--set", "device=a: b: c"],
            "--set device cannot be read: mapping values are not allowed in this context at line 1 column 5",
        ),
        (
            ["--set", "seed=18446744073709551616"],
            "--set seed cannot be read: 18446744073709551616 has too many digits, expected a number from -2^63 to below 2^64",
        ),
        (["--rows", "-1"], &format!("invalid value '-1' for '--rows <N>': {WHOLE}; see 'taper --help'")),
        (
            ["--epochs", "1e3"],
            &format!("invalid value '1e3' for '--epochs <N>': {WHOLE}; see 'taper --help'"),
        ),
        (["--lr", "fast"], "invalid value 'fast' for '--lr <X>': expected a number; see 'taper --help'"),
        (["--lr", "-1"], "--lr is -1, expected a finite number above 0"),
        (["--rows", "5"], "run.toml:1: folds is 8, expected at most the 5 rows"),
        (["--seed", "1"], "run.toml:2: train.lr is 0, expected a finite number above 0"),
    ] {
        assert_refused(&folder, &[["--config", "run.toml"], args].concat(), message);
    }
}

/// What `taper config` prints of synthetic data serves for a file of data, too.
#[test]
fn a_file_of_data_takes_the_place_of_synthetic_data() {
    let folder = folder("instead");
    fs::write(folder.join("run.toml"), printed(&folder, &["--epochs", "3"])).unwrap();
    let both = ["--config", "run.toml", "--data", "houses.csv", "--target", "price"];
    assert_eq!(
        resolved(&folder, &both),
        resolved(&folder, &["--epochs", "3", "--data", "houses.csv", "--target", "price"])
    );
}

/// Where there is a file of data, the number that `--features` is otherwise may be the name of a column.
#[test]
fn a_number_may_be_the_name_of_a_column() {
    let folder = folder("numbers");
    let file = ["--data", "a.csv", "--target", "y"];
    let features = |args: &[&str]| resolved(&folder, args)["data"]["features"].clone();
    assert_eq!(features(&[file.as_slice(), &["--features", "2024"]].concat()), json!(["2024"]));
    fs::write(folder.join("run.yaml"), "data: {file: a.csv, target: [y]}").unwrap();
    assert_eq!(features(&["--config", "run.yaml", "--features", "2024,x"]), json!(["2024", "x"]));
    assert_eq!(features(&["--config", "run.yaml", "--features", "2024"]), json!(["2024"]));
    assert_eq!(features(&["--features", "3"]), json!(3));
}

/// What YAML has beside JSON.
#[test]
fn anchors_and_merges_of_yaml_are_read() {
    let folder = folder("yaml");
    let text = "---\nfolds: &n 3\nseed: *n\ntrain: {<<: {lr: 0.5, epochs: 7}, epochs: 2}\ndata: {file: a.csv, target: [no, y]}\n";
    fs::write(folder.join("run.YAML"), text).unwrap();
    let config = resolved(&folder, &["--config", "run.YAML"]);
    assert_eq!((&config["folds"], &config["seed"]), (&json!(3), &json!(3)));
    assert_eq!((&config["train"]["lr"], &config["train"]["epochs"]), (&json!(0.5), &json!(2)));
    assert_eq!(config["data"]["target"], json!(["no", "y"]));
}

#[cfg(unix)]
#[test]
fn pipes_are_refused_and_not_waited_for() {
    let folder = folder("pipe");
    assert!(Command::new("mkfifo").arg(folder.join("run.toml")).status().unwrap().success());
    let message = "cannot read run.toml: it is a pipe or a device, expected a file";
    assert_refused(&folder, &["--config", "run.toml"], message);
}
