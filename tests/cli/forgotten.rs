//! Settings that cannot do what they are for beside the others.

use std::fs;

use crate::common::{called, stderr, taper};

#[test]
fn weights_of_depths_are_checked() {
    for (args, problem) in [
        ("--depths all --depth-weights 1,2,3", "is 1, 2, 3, expected as many numbers as depths, 4"),
        ("--depths all --depth-weights 1,0,1,1", "is 1, 0, 1, 1, expected numbers above 0 and at most 1e9"),
        ("--depth-weights 1,1,2,4", "is 1, 1, 2, 4, which has a meaning only beside `--depths all`"),
    ] {
        let output = taper(&args.split(' ').collect::<Vec<_>>());
        assert_eq!(stderr(&output), format!("error: --depth-weights {problem}\n"));
        assert_eq!(output.status.code(), Some(2));
    }
}

/// Asserts that the call is refused with this message.
fn assert_refused(args: &[&str], message: &str) {
    assert_eq!(called(args), (Some(2), String::new(), format!("error: {message}\n")), "{args:?}");
}

#[test]
fn flags_without_an_effect_are_refused() {
    let in_epochs = "--patience is 3, which has no effect in 3 epochs";
    let angles = "which has no effect on cos layers, whose weights are angles";
    let never = "which has no effect on a network that never applies its hidden layer";
    for (args, message) in [
        (
            "--depths poisson --min-depth 2 --max-depth 2",
            "--depths is poisson, which has no effect on a network of one depth, 2",
        ),
        ("--epochs 3 --validation 0.2 --patience 3", in_epochs),
        ("--epochs 1 --validation 0.2 --patience 2", "--patience is 2, which has no effect in 1 epoch"),
        ("--layer cos --weight-decay 0.2", &format!("--weight-decay is 0.2, {angles}")),
        ("--layer cos --l2 0.1", &format!("--l2 is 0.1, {angles}")),
        ("--layer cos --set train.l1=0.1", &format!("--set train.l1 is 0.1, {angles}")),
        ("--layer cos --penalise all", &format!("--penalise is all, {angles}")),
        ("--weight-decay 0 --penalise all", "--penalise is all, which has no effect without a penalty"),
        (
            "--data x.npy --target y.npy --delimiter tab",
            "--delimiter is tab, which has no effect on a file that is not text",
        ),
        (
            "--data d.npz --target y --skip-rows 1",
            "--skip-rows is 1, which has no effect on a file that is not text",
        ),
        (
            "--data d.safetensors --target y --text a,b",
            "--text is [\"a\",\"b\"], which has no effect on a file that is not text",
        ),
        (
            "--data d.PARQUET --target y --na x",
            "--na is [\"x\"], which has no effect on a file that is not text",
        ),
        (
            "--data d.npz --target y --date-format day-first",
            "--date-format is day-first, which has no effect on a file that is not text",
        ),
        (
            "--data d.csv --target y --dates text --date-format month-first",
            "--date-format is month-first, which has no effect where dates are text",
        ),
        ("--min-depth 0 --max-depth 0 --dropout 0.1", &format!("--dropout is 0.1, {never}")),
        ("--min-depth 0 --max-depth 0 --norm rms", &format!("--norm is rms, {never}")),
        ("--min-depth 0 --max-depth 0 --block residual", &format!("--block is residual, {never}")),
    ] {
        let args: Vec<_> = args.split(' ').collect();
        for command in ["cv", "train", "config"] {
            assert_refused(&[&[command], &args[..]].concat(), message);
        }
    }
}

/// One list of flags serves to cross-validate and then to train.
#[test]
fn flags_of_the_other_command_are_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.safetensors");
    let small = ["--rows", "60", "--features", "3", "--hidden", "4", "--epochs", "1"];
    for (args, flag) in [
        (&["cv", "--holdout", "0.2"][..], "--holdout"),
        (&["train", "--model", model.to_str().unwrap(), "--folds", "5"], "--folds"),
        (&["train", "--model", model.to_str().unwrap(), "--repeats", "2", "--force"], "--repeats"),
    ] {
        let (code, _, log) = called(&[args, &small].concat());
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains(&format!("WARN {flag} has no effect on this command\n")), "{log}");
    }
}

#[test]
fn what_says_nothing_is_not_refused() {
    for args in [
        "--layer cos --recipe seed --weight-decay 0 --l1 0",
        "--depths uniform --min-depth 2 --max-depth 2",
        "--epochs 4 --validation 0.2 --patience 3",
        "--weight-decay 0.1 --penalise all",
        "--holdout 0.2",
        "--data d.parquet --target y --text a --number b --order c",
        "--data d.csv.gz --target y --delimiter tab --na x",
    ] {
        let (code, _, log) = called(&[&["config"], &args.split(' ').collect::<Vec<_>>()[..]].concat());
        assert_eq!((code, log), (Some(0), String::new()), "{args}");
    }
    // One look makes one epoch, whatever else was asked for.
    let quick = "cv --rows 60 --epochs 9 --validation 0.2 --patience 5 --fast-dev-run -q";
    assert_eq!(called(&quick.split(' ').collect::<Vec<_>>()).0, Some(0));
}

#[test]
fn what_a_recipe_or_a_file_says_in_vain_is_a_warning() {
    let small = "--rows 60 --features 3 --hidden 4 --epochs 1 --layer cos";
    let args: Vec<_> = small.split(' ').collect();
    let (code, _, log) = called(&[&["cv"], &args[..]].concat());
    let angles = "which has no effect on cos layers, whose weights are angles";
    let warning = format!("WARN the recipe's `--weight-decay` is 0.1, {angles}");
    assert_eq!((code, log.matches("WARN the recipe").count()), (Some(0), 1), "{log}");
    assert!(log.contains(&warning), "{log}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.toml");
    fs::write(&file, "model.layer = \"cos\"\ntrain.weight_decay = 0\ntrain.l2 = 0.5\n").unwrap();
    let file = file.to_str().unwrap();
    let (code, _, log) = called(&["config", "--config", file]);
    assert_eq!(code, Some(0));
    assert!(log.contains(&format!("WARN {file}:3: train.l2 is 0.5, {angles}")), "{log}");
    assert_refused(&["config", "--config", file, "--l1", "0.5"], &format!("--l1 is 0.5, {angles}"));
}

/// The file of a run of the first version, which had the recipe that is now called seed and nothing else.
#[test]
fn a_file_of_an_earlier_version_says_which_defaults_have_changed() {
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/runs/finished/config.toml");
    let (code, settings, log) = called(&["config", "--config", old]);
    assert_eq!((code, log.lines().count()), (Some(0), 1), "{log}");
    let changed = "model.block is \"injection\" and was \"plain\", train.schedule is \"one-cycle\" and was \
                   \"constant\", train.clip_norm is 1.0 and was 0.0; `--recipe seed` gives those of then";
    assert!(log.contains(&format!("{old} lacks settings")) && log.contains(changed), "{log}");
    let (_, by_seed, log) = called(&["config", "--config", old, "--recipe", "seed"]);
    assert!(log.is_empty() && by_seed != settings, "{log}");
    // What is given needs no default, and a file of this version lacks nothing.
    let given = ["--block", "plain", "--schedule", "constant", "--clip-norm", "0"];
    let (_, as_given, log) = called(&[&["config", "--config", old], &given[..]].concat());
    assert_eq!((as_given, log), (by_seed.clone(), String::new()));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.toml");
    fs::write(&file, settings).unwrap();
    assert_eq!(called(&["config", "--config", file.to_str().unwrap()]).2, "");
    // Whoever writes a file by hand wants the defaults of today.
    fs::write(&file, "folds = 3\n").unwrap();
    assert_eq!(called(&["config", "--config", file.to_str().unwrap()]).2, "");
}
