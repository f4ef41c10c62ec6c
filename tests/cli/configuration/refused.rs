//! What each mistake in settings is told.

use std::fs;
use std::process::Command;

use taper::config::CvConfig;

use super::{assert_refused, folder};

const WHOLE: &str = "expected a whole number of 0 or more";
const JOBS: &str =
    "invalid value '0' for '--jobs <N>': expected a whole number of 1 or more; see 'taper --help'";
const COUNT_OR_COLUMNS: &str =
    r#"expected a number, or beside data.file a list of columns such as ["age", "2024"]"#;

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
        ("a.json", "[1]", "a.json:1: is [1], expected a section of settings"),
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
        ("a.json", "{\"a\\nb\": 3}", "a.json:1: a\\nb is unknown, did you mean train.averaging?"),
        (
            "a.toml",
            &format!("{} = 1", "k".repeat(1000)),
            "a.toml:1: kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk... is unknown, did you mean model.skip?",
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
        ("a.toml", "folds = [1, 2]", &format!("a.toml:1: folds is [1, 2], {WHOLE}")),
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
            &format!("a.yaml:2: data.features is \"many\", {COUNT_OR_COLUMNS}"),
        ),
        (
            "a.yaml",
            "data:\n  features: [2024]",
            &format!("a.yaml:2: data.features is [2024], {COUNT_OR_COLUMNS}"),
        ),
        (
            "a.yaml",
            "data: {file: a.csv,\n  missing: zero}",
            "a.yaml:2: data.missing is \"zero\", expected one of error, drop, mean, median",
        ),
        (
            "a.yaml",
            "data: {file: a.csv,\n  dates: days}",
            "a.yaml:2: data.dates is \"days\", expected one of expand, text, drop",
        ),
        (
            "a.yaml",
            "data: {file: a.csv,\n  date_format: iso}",
            "a.yaml:2: data.date_format is \"iso\", expected one of auto, year-first, day-first, month-first",
        ),
        (
            "a.yaml",
            "data: {file: a.csv,\n  categories: hash}",
            "a.yaml:2: data.categories is \"hash\", expected one of auto, one-hot, target",
        ),
        // What does not belong together.
        ("a.toml", "[data]\ndates = \"text\"", "a.toml:2: data.dates has a meaning only beside data.file"),
        (
            "a.toml",
            "[data]\ndate_format = \"auto\"",
            "a.toml:2: data.date_format has a meaning only beside data.file",
        ),
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
        (
            "a.toml",
            "[train]\ntarget_transform = \"sqrt\"",
            "a.toml:2: train.target_transform is \"sqrt\", expected one of auto, none, log, yeo-johnson",
        ),
        (
            "a.toml",
            "[train]\nselect = \"first\"",
            "a.toml:2: train.select is \"first\", expected one of auto, last, best, refit, bag",
        ),
        (
            "a.toml",
            "[train]\ndepths = \"all\"\ndepth_weights = 3",
            "a.toml:3: train.depth_weights is 3, expected a list",
        ),
        (
            "a.toml",
            "[train]\ndepth_weights = [1, \"2\"]",
            "a.toml:2: train.depth_weights has \"2\", expected a number",
        ),
        // Ranges.
        (
            "a.json",
            "{\"train\": {\"depths\": \"all\",\n\"depth_weights\": [1, 1, 1, -1]}}",
            "a.json:2: train.depth_weights is 1, 1, 1, -1, expected numbers above 0 and at most 1e9",
        ),
        (
            "a.toml",
            "[train]\nvalidation = 1",
            "a.toml:2: train.validation is 1, expected a finite number from 0 to below 1",
        ),
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
        (["--epochs", ""], &format!("invalid value '' for '--epochs <N>': {WHOLE}; see 'taper --help'")),
        (["--jobs", "0"], JOBS),
        (["--jobs", ""], &JOBS.replace('0', "")),
        (["--lr", ""], "invalid value '' for '--lr <X>': expected a number; see 'taper --help'"),
        (["--lr", "fast"], "invalid value 'fast' for '--lr <X>': expected a number; see 'taper --help'"),
        (["--lr", "-1"], "--lr is -1, expected a finite number above 0"),
        (
            ["--set", "train.loss=mape"],
            "--set train.loss is \"mape\", expected one of mse, mae, huber, quantile",
        ),
        (
            ["--set", "train.quantiles=[0.5, 0.1]"],
            "--set train.quantiles is [0.5, 0.1], expected 1 to 19 numbers in ascending order, each above 0 and below 1",
        ),
        (
            ["--quantiles", "0.5,1"],
            "--quantiles is [0.5, 1.0], expected 1 to 19 numbers in ascending order, each above 0 and below 1",
        ),
        (["--rows", "5"], "run.toml:1: folds is 8, expected at most the 5 rows"),
        (["--seed", "1"], "run.toml:2: train.lr is 0, expected a finite number above 0"),
    ] {
        assert_refused(&folder, &[["--config", "run.toml"], args].concat(), message);
    }
}

#[cfg(unix)]
#[test]
fn pipes_are_refused_and_not_waited_for() {
    let folder = folder("pipe");
    assert!(Command::new("mkfifo").arg(folder.join("run.toml")).status().unwrap().success());
    let message = "cannot read run.toml: it is a pipe or a device, expected a file";
    assert_refused(&folder, &["--config", "run.toml"], message);
}
