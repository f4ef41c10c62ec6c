//! The command: results, errors and exit codes.

use std::process::{Command, Output, Stdio};

use candle_core::utils::cuda_is_available;
use candle_core::{DType, Device};
use serde_json::Value;
use taper::config::CvConfig;
use taper::data::synthetic;
use taper::random::{Stream, generator};
use taper::report::CvReport;
use taper::run::RunOptions;

use crate::common::{json, stderr, stdout, taper};

/// A run that takes a moment.
const SMALL: [&str; 10] =
    ["--rows", "200", "--features", "4", "--epochs", "2", "--hidden", "8", "--seed", "3"];

/// Runs `taper` with `args` and with `RUST_LOG` set to `log`.
fn taper_with_log(args: &[&str], log: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_taper")).args(args).env("RUST_LOG", log).output().unwrap()
}

/// `args` after those of a small run.
fn small<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&SMALL, args].concat()
}

/// The JSON document without the times.
fn timeless(output: &Output) -> Value {
    crate::times::timeless(json(output))
}

#[test]
fn the_table_is_on_stdout_and_the_log_on_stderr() {
    let output = taper(&SMALL);
    assert_eq!(output.status.code(), Some(0));
    let table = stdout(&output);
    for text in ["fold", "mse", "rmse", "mae", "r2", "mse d=4", "seconds", "mean", "std"] {
        assert!(table.contains(text), "{text} is missing in\n{table}");
    }
    assert!(!table.contains("NaN"));
    assert_eq!(stderr(&output).matches("fold done").count(), 4);
    assert!(!stderr(&output).contains("epoch done"));
}

#[test]
fn quiet_prints_the_table_alone() {
    let output = taper(&small(&["--quiet"]));
    assert!(stdout(&output).contains("mean"));
    assert_eq!(stderr(&output), "");
}

#[test]
fn json_is_one_document_with_every_key() {
    let json = json(&taper(&small(&["--json", "--min-depth", "2", "--max-depth", "3"])));
    assert_eq!(json["config"]["data"]["rows"], 200);
    assert_eq!(json["config"]["model"]["layer"], "linear");
    assert_eq!(json["config"]["device"], "auto");
    let folds = json["folds"].as_array().unwrap();
    assert_eq!(folds.len(), 4);
    for (i, fold) in folds.iter().enumerate() {
        assert_eq!(fold["fold"], i);
        for key in ["mse", "rmse", "mae", "r2", "seconds"] {
            assert!(fold[key].is_number(), "{key}: {}", fold[key]);
        }
        assert_eq!(fold["mse_by_depth"].as_object().unwrap().keys().collect::<Vec<_>>(), ["2", "3"]);
        assert_eq!(fold["train_loss"].as_array().unwrap().len(), 2);
    }
    assert!(json["mean"]["mse"].is_number() && json["std"]["mse"].is_number() && json["seconds"].is_number());
}

#[test]
fn jobs_and_repetition_do_not_change_the_result() {
    let one = timeless(&taper(&small(&["--json", "--jobs", "1"])));
    assert_eq!(timeless(&taper(&small(&["--json", "--jobs", "2"]))), one);
    assert_eq!(timeless(&taper(&small(&["--json", "--jobs", "7"]))), one);
    assert_eq!(timeless(&taper(&small(&["--json"]))), one);
    let named = [&["cv"], small(&["--json"]).as_slice()].concat();
    assert_eq!(timeless(&taper(&named)), one);
    let other = timeless(&taper(&small(&["--json", "--noise", "0.2"])));
    assert_ne!(other["folds"], one["folds"]);
}

#[test]
fn every_flag_reaches_the_configuration() {
    let args = "--rows 60 --features 3 --noise 0.5 --scale standard --folds 3 --repeats 2 --interval 0.8 --epochs 5 --max-steps 900 --batch-size 7 --depths all --depth-weights 1,2,0.5 --lr 0.01 \
                --schedule cosine --warmup 0.5 --weight-decay 0.1 --l2 0.01 --l1 0.02 --penalise all --clip-norm 1 --clip-value 0.5 \
                --averaging 0.9 --target-transform yeo-johnson --clamp --loss huber --huber-delta 0.5 \
                --validation 0.3 --patience 4 --min-improvement 0.01 --select refit --engine autograd --members 2 --hidden 5 --min-depth 0 --max-depth 2 --block residual --bins 7 --activation gelu --skip --norm layer --dropout 0.25 --seed 9 \
                --device cpu --dtype f64 --jobs 2 --json -q";
    let json = json(&taper(&args.split_whitespace().collect::<Vec<_>>()));
    let expected = serde_json::json!({
        "data": {"rows": 60, "features": 3, "noise": 0.5, "scale": "standard"},
        "model": {"members": 2, "hidden": 5, "min_depth": 0, "max_depth": 2, "layer": "linear", "cos_init": "centred", "block": "residual", "bins": 7, "activation": "gelu", "skip": true, "norm": "layer", "dropout": 0.25, "halting": "none", "prior": "uniform", "exit": 0.5},
        "train": {"epochs": 5, "max_steps": 900, "batch_size": 7, "depths": "all", "depth_weights": [1.0, 2.0, 0.5], "lr": 0.01, "schedule": "cosine", "warmup": 0.5, "weight_decay": 0.1, "l2": 0.01,
            "l1": 0.02, "penalise": "all", "clip_norm": 1.0, "clip_value": 0.5, "averaging": 0.9, "target_transform": "yeo-johnson", "clamp": true, "loss": "huber", "huber_delta": 0.5, "quantiles": [0.1, 0.5, 0.9],
            "validation": 0.3, "patience": 4, "min_improvement": 0.01, "select": "refit", "engine": "autograd"},
        "folds": 3, "repeats": 2, "holdout": 0.0, "interval": 0.8, "seed": 9, "device": "cpu", "dtype": "f64",
    });
    assert_eq!(json["config"], expected);
}

#[test]
fn a_file_is_learnt() {
    let args = "--data tests/data/diabetes.csv --target y --drop s1,s2 --group age --missing mean --folds 3 --epochs 2 --json";
    let output = taper(&args.split_whitespace().collect::<Vec<_>>());
    let expected = serde_json::json!({
        "file": "tests/data/diabetes.csv", "target": ["y"], "features": [], "drop": ["s1", "s2"],
        "missing": "mean", "missing_indicator": false, "group": "age", "missing_target": "error", "na": [], "text": [], "number": [], "categories": "auto", "dates": "expand", "date_format": "auto", "decimal": "auto", "no_header": false, "skip_rows": 0,
        "scale": "auto",
    });
    assert_eq!(json(&output)["config"]["data"], expected);
    assert!(
        stderr(&output).contains(
            "INFO 442 rows, 7 columns of features, target y, 58 groups by age; left out: 2 columns"
        ),
        "{}",
        stderr(&output)
    );
    let args = "cv --data tests/data/diabetes.csv --target y --features bmi,bp,s5 --epochs 2 -q";
    let output = taper(&args.split_whitespace().collect::<Vec<_>>());
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    assert!(stdout(&output).contains("mse d=4"), "{}", stdout(&output));
}

/// What is wrong with the call has exit code 2, what is wrong in the file 1.
#[test]
fn equal_rows_are_reported_and_bad_files_are_errors() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("command_line.csv");
    let file = path.to_str().unwrap();
    let run = |text: &str, args: &[&str]| {
        std::fs::write(&path, text).unwrap();
        taper(&[["--data", file, "--target", "y", "--folds", "2", "--epochs", "1"].as_slice(), args].concat())
    };
    let output = run("a,y\n1,2\n3,4\n1,2\n", &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("WARN 1 row equals an earlier row"), "{}", stderr(&output));
    let output = run("a,y\n1,2\n3,?\n", &["-q"]);
    let expected = format!(
        "error: {file}:3:y: '?' is a missing value, and a target cannot be filled; `--missing-target drop`"
    );
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
    assert!(stderr(&output).starts_with(&expected), "{}", stderr(&output));
}

/// Both types draw the same data, weights, batches and depths; a short run differs by rounding.
#[test]
fn both_dtypes_agree() {
    let single = json(&taper(&small(&["--json"])));
    let double = json(&taper(&small(&["--json", "--dtype", "f64"])));
    let (single, double) = (single["mean"]["mse"].as_f64().unwrap(), double["mean"]["mse"].as_f64().unwrap());
    println!("mse {single} in f32, {double} in f64");
    assert!((single / double - 1.).abs() <= 1e-5);
    assert_ne!(single, double);
}

/// Candle walks a graph recursively; the stack of a fold holds the deepest one, however many jobs there are.
#[test]
fn the_deepest_network_fits_on_the_stack() {
    let args = "--rows 20 --features 2 --epochs 1 --hidden 2 --folds 2 --min-depth 1000 --max-depth 1000 --engine autograd \
         --json";
    let args: Vec<_> = args.split_whitespace().collect();
    let one = timeless(&taper(&[&args, ["--jobs", "1"].as_slice()].concat()));
    assert_eq!(timeless(&taper(&[&args, ["--jobs", "2"].as_slice()].concat())), one);
}

/// The command is the library with the data of the seed.
#[test]
fn the_library_gives_the_result_of_the_command() {
    let mut config = CvConfig { seed: 3, ..CvConfig::default() };
    (config.data.rows, config.data.features) = (200, 4);
    (config.train.epochs, config.model.hidden) = (2, 8);
    let config = config.validate().unwrap();
    let data = synthetic(200, 4, 0.1, generator(3, Stream::Data, 0), DType::F32, &Device::Cpu).unwrap();
    let devices = config.device.open(None).unwrap();
    let options = RunOptions::default();
    let folds = taper::Partition::new(&data, config.folds, config.repeats, config.seed).unwrap();
    let results = taper::cross_validate(&data, &config.learner(), &folds, &devices, &options).unwrap();
    let report = CvReport::new(config, None, results);
    let report = serde_json::to_value(report).unwrap();
    let command = json(&taper(&small(&["--json"])));
    for key in ["config", "mean", "std", "pooled"] {
        assert_eq!(command[key], report[key], "{key}");
    }
}

/// A reader that goes away early, such as `head`, is no error; a full disk is one.
#[test]
fn standard_output_may_close_early() {
    for args in [small(&["--quiet"]), vec!["--help"], vec!["gradcheck"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_taper"))
            .args(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""), "{args:?}");
    }
}

/// Asserts that the call is refused at once: exit code 2, nothing on stdout and this one line on stderr.
fn assert_refused(args: &[&str], message: &str) {
    let output = taper(args);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
    assert_eq!(stdout(&output), "", "{args:?}");
    let lines: Vec<_> = stderr(&output).lines().collect();
    assert_eq!(lines.len(), 1, "{args:?}: {lines:?}");
    assert!(lines[0].contains(message), "{args:?}: {lines:?}");
}

#[test]
fn bad_calls_get_one_line_and_exit_code_2() {
    for (args, message) in [
        ("--folds 20 --rows 10", "error: --folds is 20, expected at most the 10 rows"),
        ("--folds 1", "error: --folds is 1, expected at least 2"),
        ("--folds 0", "error: --folds is 0, expected at least 2"),
        ("--batch-size 0", "error: --batch-size is 0, expected at least 1"),
        ("--min-depth 3 --max-depth 2", "error: --min-depth is 3, expected at most the maximum of 2"),
        ("--noise -0.1", "error: --noise is -0.1, expected a finite number of 0 or more"),
        ("--noise inf", "error: --noise is inf, expected a finite number of 0 or more"),
        ("--lr NaN", "error: --lr is NaN, expected a finite number above 0"),
        ("--lr 0", "error: --lr is 0, expected a finite number above 0"),
        ("--lr -1e-3", "error: --lr is -0.001, expected a finite number above 0"),
        ("--weight-decay -1", "error: --weight-decay is -1, expected a finite number of 0 or more"),
        ("--l1 -1", "error: --l1 is -1, expected a finite number of 0 or more"),
        ("--l2 -1", "error: --l2 is -1, expected a finite number of 0 or more"),
        ("--clip-norm -1", "error: --clip-norm is -1, expected a finite number of 0 or more"),
        ("--clip-value inf", "error: --clip-value is inf, expected a finite number of 0 or more"),
        ("--averaging 1", "error: --averaging is 1, expected a finite number from 0 to below 1"),
        ("--validation 1", "error: --validation is 1, expected a finite number from 0 to below 1"),
        (
            "--patience 5",
            "error: --patience is 5, which needs rows for validation; `--validation 0.2` sets a fifth aside",
        ),
        ("--schedule plateau", "error: --schedule is plateau, which needs rows for validation"),
        ("--select best", "error: --select is best, which needs rows for validation"),
        ("--target-transform log", "error: --target-transform is log, whose values are scaled before"),
        (
            "--validation 0.2 --min-improvement 0.1",
            "error: --min-improvement is 0.1, which has a meaning only beside `--patience`",
        ),
        (
            "--rows 4 --validation 0.9",
            "error: --validation is 0.9, which leaves none of a network's 3 training rows to train on; expected a smaller share",
        ),
        ("--rows 0", "error: --rows is 0, expected at least 2"),
        ("--features 0", "error: --features is 0, expected at least 1"),
        ("--hidden 0", "error: --hidden is 0, expected at least 1"),
        ("--epochs 0", "error: --epochs is 0, expected at least 1"),
        ("--noise 1e30", "error: --noise is 1e30, expected at most 2e13"),
        ("--rows 4000000000 --features 4000000000", "more than any machine has of memory"),
        ("--rows 1000000000000", "error: --rows is 1000000000000, expected at most 4294967295"),
        ("--rows 4000000000 --features 100000", "GiB of memory"),
        ("--hidden 100000000", "error: --hidden is 100000000, whose parameters with 64 features need"),
        ("--max-depth 1001", "error: --max-depth is 1001, expected at most 1000"),
        (
            "--engine fused --min-depth 0",
            "error: --engine is fused, which applies the hidden layer at least once",
        ),
        ("--features a,b", "error: --features as a list has a meaning only beside data.file"),
        ("--features many", "error: --features as a list has a meaning only beside data.file"),
        ("--target y", "error: --target has a meaning only beside data.file"),
        ("--missing drop", "error: --missing has a meaning only beside data.file"),
        ("--data none.csv --target y", "error: --data is none.csv, which cannot be read: No such file"),
        ("--data tests/data --target y", "error: --data is tests/data, a directory, expected a file"),
        (
            "--data tests/data/diabetes.csv",
            "error: --target is missing, expected a column of tests/data/diabetes.csv: age",
        ),
        (
            "--data tests/data/diabetes.csv --target z",
            "error: --target is 'z', which tests/data/diabetes.csv does not have",
        ),
        ("--data tests/data/diabetes.csv --target y --drop bim", "did you mean 'bmi'?"),
        (
            "--data tests/data/diabetes.csv --target y --rows 9",
            "error: --rows has a meaning only without data.file",
        ),
        (
            "--data tests/data/diabetes.csv --target y --features 9",
            "error: --features is '9', which tests/data/diabetes.csv does not have; expected one of age",
        ),
        (
            "--data tests/data/diabetes.csv --target y --drop s1 --features s2",
            "error: --drop is s1, but the features are chosen by name; expected one or the other",
        ),
        (
            "--data tests/data/diabetes.csv --target y -q --folds 443",
            "error: --folds is 443, expected at most the 442 rows",
        ),
        (
            "--data tests/data/diabetes.csv --target y -q --group sex",
            "error: --folds is 4, expected at most the 2 groups",
        ),
        ("--data tests/data/diabetes.csv --target y --missing zero", "possible values: error, drop, mean, m"),
        ("--scale half", "[possible values: auto, standard, robust-clip, quantile, none]"),
        ("--layer conv", "invalid value 'conv' for '--layer <KIND>'; [possible values: linear, cos]"),
        ("--rows many", "invalid value 'many' for '--rows <N>'"),
        ("--rows -5", "error: "),
        ("--jobs 0", "invalid value '0' for '--jobs <N>'"),
        ("--device gpu", "expected auto, cpu, cuda, cuda:N or cuda:N,M"),
        ("--device cuda:0,0", "expected auto, cpu, cuda, cuda:N or cuda:N,M with each GPU once"),
        ("gradcheck --device cuda:0,1", "error: --device is cuda:0,1, expected one device"),
        ("--dtype f16", "[possible values: f32, f64]"),
        ("--seed -1", "error: "),
        ("--learning-rate 1", "unexpected argument '--learning-rate' found"),
        ("--lr", "a value is required for '--lr <X>'"),
        ("trian", "error: unrecognized subcommand 'trian'; tip: a similar subcommand exists: 'train'"),
        ("--rows 9 cv", "error: the subcommand 'cv' cannot be used with '--rows <N>'"),
    ] {
        assert_refused(&args.split_whitespace().collect::<Vec<_>>(), message);
    }
}

#[test]
fn a_build_without_cuda_says_how_to_get_one_and_exits_with_1() {
    if cuda_is_available() {
        return;
    }
    for args in [["--device", "cuda"].as_slice(), &["gradcheck", "--device", "cuda:0"]] {
        let output = taper(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert_eq!(stdout(&output), "", "{args:?}");
        assert_eq!(
            stderr(&output).trim_end(),
            "error: GPU 0 cannot be used: this build has no CUDA, `cargo build --release --features cuda` makes one that \
             has; without it, `--device cpu` computes on the CPU",
        );
    }
}

#[test]
fn a_run_that_explodes_says_where_and_exits_with_1() {
    let output = taper(&small(&["--lr", "1e18", "--quiet", "--json"]));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    let line = stderr(&output);
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.starts_with("error: fold 0: epoch 0, step 1, depth "), "{line}");
    assert!(line.contains("is not finite; a lower lr"), "{line}");
}

#[test]
fn help_teaches_and_version_tells() {
    let help = taper(&["--help"]);
    assert_eq!((help.status.code(), stderr(&help)), (Some(0), ""));
    for text in ["[default: 16384]", "[default: 0.02]", "[default: centred]", "RUST_LOG", "Exit codes", "cv"]
    {
        assert!(stdout(&help).contains(text), "{text} is missing in\n{}", stdout(&help));
    }
    let version = taper(&["--version"]);
    let version = stdout(&version);
    for fact in ["commit: ", "features: ", "target: ", "profile: ", "compiler: rustc 1."] {
        assert_eq!(version.lines().filter(|line| line.starts_with(fact)).count(), 1, "{version}");
    }
    let first = format!("taper {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(version.lines().next(), Some(first.as_str()));
    assert_eq!(stdout(&taper(&["-V"])), format!("{first}\n"));
}

#[test]
fn log_lines_can_be_json_with_the_fields_of_their_spans() {
    let output = taper_with_log(&small(&["--log-format", "json"]), "taper=debug");
    let lines: Vec<Value> = stderr(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let epochs: Vec<_> = lines.iter().filter(|line| line["fields"]["message"] == "epoch done").collect();
    assert_eq!(epochs.len(), 4 * 2);
    for line in epochs {
        let spans = line["spans"].as_array().unwrap();
        let names: Vec<_> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["cv", "fold", "epoch"]);
        assert!(spans[1]["fold"].is_u64() && spans[2]["epoch"].is_u64());
        assert!(spans[2]["train_loss"].is_f64() && spans[2]["seconds"].is_f64());
    }
}

#[test]
fn rust_log_is_respected() {
    assert_eq!(stderr(&taper_with_log(&SMALL, "off")), "");
    let output = taper_with_log(&SMALL, "taper=debug");
    assert_eq!(stderr(&output).matches("epoch done").count(), 8);
    let output = taper_with_log(&small(&["--quiet"]), "info");
    assert_eq!(stderr(&output).matches("fold done").count(), 4);
    let output = taper_with_log(&SMALL, "");
    assert_eq!(stderr(&output).matches("fold done").count(), 4);
    let output = taper_with_log(&SMALL, "taper=lots");
    assert!(stderr(&output).contains("RUST_LOG is 'taper=lots'"), "{}", stderr(&output));
    assert_eq!(stderr(&output).matches("fold done").count(), 4);
}

#[test]
fn gradcheck_prints_a_row_for_each_check() {
    let output = taper(&["gradcheck", "--filter", "maximum"]);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    let table = stdout(&output);
    assert!(table.contains("| maximum, first ") && table.contains(", strided ") && !table.contains("| cos"));
    assert!(table.trim_end().ends_with("21 checks: 21 right"), "{table}");
}

#[test]
fn gradcheck_prints_json() {
    let rows = json(&taper(&["gradcheck", "--json", "--filter", "DynamicNet of cos"]));
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 5 * 3);
    for row in rows {
        assert_eq!(row["verdict"], "right", "{row}");
        assert!(row["worst"].as_f64().unwrap() <= 1e-8, "{row}");
    }
    assert_eq!(rows.iter().filter(|row| row["order"] == 2).count(), 5);
}

/// What is wrong in Candle is news, and no failure of the command.
#[test]
fn gradcheck_audits_candle() {
    let output = taper(&["gradcheck", "--candle", "--filter", "max_pool2d"]);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    let text = stdout(&output);
    assert!(text.contains("max_pool2d, f64 [1, 2, 4, 4], order 1: derivatives differ in 8 of 256"), "{text}");
    assert!(text.contains("off by a factor of 0.25"), "{text}");
    // The table fits, and the details are below it.
    assert!(
        text.lines().filter(|line| line.starts_with('|')).all(|line| line.chars().count() <= 80),
        "{text}"
    );
}

#[test]
fn gradcheck_names_what_is_right_beside_a_finding() {
    let text = stdout(&taper(&["gradcheck", "--candle", "--filter", "softmax"])).to_owned();
    let expected =
        "In the place of softmax_last_dim: taper::ops::softmax_last_dim, whose derivatives are right";
    assert_eq!(text.lines().last(), Some(expected), "{text}");
    assert!(!stdout(&taper(&["gradcheck", "--filter", "softmax"])).contains("In the place of"));
}

#[test]
fn gradcheck_refuses_a_filter_that_finds_nothing() {
    assert_refused(&["gradcheck", "--filter", "convolve"], "error: --filter is 'convolve', which is in no");
}
