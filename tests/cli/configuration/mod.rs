//! Settings from files, flags and `--set`: what is read, what wins, and what each mistake is told.

mod refused;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};
use taper::config::{CvConfig, ModelConfig, Settings, TrainConfig, keys};

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
const OTHERS: &str = "--folds 3 --repeats 2 --holdout 0.25 --interval 0.9 --seed 18446744073709551615 --device cuda:1,0 --dtype f64 --rows 60 --features 3 \
                      --noise 1e-7 --scale quantile --members 2 --hidden 5 --min-depth 0 --max-depth 2 --block residual --bins 3 --activation mish --skip --norm rms --dropout 0.1 \
                      --epochs 5 --max-steps 900 --batch-size 7 --depths poisson --lr 0.30000000000000004 --schedule cosine --warmup 0.25 --weight-decay 0.3 \
                      --l2 0.01 --l1 0.02 --penalise all --clip-norm 2 --clip-value 0.5 --averaging 0.9 --target-transform auto --clamp --loss huber --huber-delta 0.5 \
                      --validation 0.1 --patience 3 --min-improvement 1e-3 --select last --engine autograd";

/// Every setting of a file so, but the features, which are chosen by name or by what is dropped.
const FILE: &str = "--data houses.csv --target price,rent --drop id --missing median --missing-indicator --group town --scale robust-clip --target-transform none \
                    --missing-target drop --na=-999,x --text zip --number size --categories target --dates drop --date-format day-first --delimiter tab --decimal comma --no-header \
                    --skip-rows 2 --comment # --encoding latin1 --halting adaptive --prior geometric --exit 0.9";
const NAMED: &str = "--data houses.csv --target price --features rooms,size --order year \
                     --layer cos --cos-init kaiming --weight-decay 0 --loss quantile --quantiles 0.05,0.5 --depths all --depth-weights 1,1,2,4";

#[test]
fn what_is_printed_is_read_back_in_every_format() {
    let folder = folder("read_back");
    let default = serde_json::to_value(CvConfig::default()).unwrap();
    let calls = [OTHERS, FILE, NAMED].map(|args| args.split_whitespace().collect::<Vec<_>>());
    let changed = calls.each_ref().map(|args| resolved(&folder, args));
    for key in keys() {
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
    let [of_file, named] =
        [FILE, NAMED].map(|args| printed(&folder, &args.split_whitespace().collect::<Vec<_>>()));
    let texts = [&text, &of_file, &named];
    for key in keys() {
        let name = format!("{} = ", key.rsplit('.').next().unwrap());
        let mut explained = 0;
        for text in texts {
            let lines: Vec<_> = text.lines().collect();
            let Some(at) = lines.iter().position(|line| line.starts_with(&name)) else { continue };
            let (comment, has_default) = (
                lines[at - 1],
                !["data.file", "data.group", "data.order", "data.delimiter", "data.comment", "data.encoding"]
                    .contains(key),
            );
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
        if key == "model.exit" {
            settings.set("model.halting", "shared", str::to_owned).unwrap();
        } else {
            settings.set("model.min_depth", 0, str::to_owned).unwrap();
            settings.set("train.loss", "huber", str::to_owned).unwrap();
        }
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
    assert_eq!(checked, 23);
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
        "file": "houses.csv", "target": ["price"], "features": ["size"], "drop": [], "missing": "error", "missing_indicator": false, "missing_target": "error",
        "na": [], "text": [], "number": [], "categories": "auto", "dates": "expand", "date_format": "auto", "decimal": "auto", "no_header": false, "skip_rows": 0, "scale": "auto",
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

/// What `taper config` prints of synthetic data serves for a file of data, too.
#[test]
fn a_file_of_data_takes_the_place_of_synthetic_data() {
    let folder = folder("instead");
    fs::write(folder.join("run.toml"), printed(&folder, &["--epochs", "3"])).unwrap();
    let both = ["--config", "run.toml", "--data", "houses.csv", "--target", "price"];
    assert_eq!(
        resolved(&folder, &both),
        resolved(
            &folder,
            &["--recipe", "injection", "--epochs", "3", "--data", "houses.csv", "--target", "price"]
        )
    );
}

/// Without a file of settings, a file of data brings the recipe for tables; what is given overrides it.
#[test]
fn a_file_of_data_has_the_recipe_for_tables() {
    let folder = folder("tables");
    let data = ["--data", "houses.csv", "--target", "price", "--epochs", "3"];
    let settings = resolved(&folder, &data);
    assert_eq!(settings, resolved(&folder, &[&data[..], &["--recipe", "tabular"]].concat()));
    let of = |path: &str| settings.pointer(path).unwrap();
    assert_eq!([of("/model/bins"), of("/model/hidden"), of("/train/epochs")], [8, 64, 3]);
    assert_eq!((of("/train/validation"), of("/train/select")), (&json!(0.2), &json!("bag")));
    // Without rows for validation no epoch is the best.
    let settings = resolved(&folder, &[&data[..], &["--validation", "0"]].concat());
    assert_eq!(settings["train"]["select"], "auto");
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

/// A recipe is overridden by a file, a flag and an assignment.
#[test]
fn recipes_are_where_other_settings_begin() {
    let folder = folder("recipes");
    let seed = resolved(&folder, &["--recipe", "seed"]);
    assert_eq!(seed["model"], json!(ModelConfig::default()));
    assert_eq!(seed["train"], json!(TrainConfig::default()));
    let injection = resolved(&folder, &["--recipe", "injection"]);
    assert_eq!(injection, resolved(&folder, &[]));
    assert_eq!(
        (&injection["model"]["block"], &injection["train"]["lr"], &injection["train"]["epochs"]),
        (&json!("injection"), &json!(0.02), &json!(25))
    );
    fs::write(folder.join("run.toml"), "[train]\nlr = 0.5\nepochs = 7\n").unwrap();
    let args = ["--config", "run.toml", "--recipe", "seed", "--epochs", "9", "--set", "model.hidden=5"];
    let mixed = resolved(&folder, &args);
    assert_eq!((&mixed["train"]["lr"], &mixed["train"]["epochs"]), (&json!(0.5), &json!(9)));
    assert_eq!((&mixed["model"]["hidden"], &mixed["model"]["block"]), (&json!(5), &json!("plain")));
    let run = ["cv", "-q", "--rows", "40", "--features", "2", "--epochs", "1", "--out", "run"];
    assert!(taper(&folder, &run).status.success());
    assert_refused(
        &folder,
        &["cv", "--resume", "run", "--recipe", "seed"],
        "--recipe sets what a run begins with, and the run to resume began; expected one or the other",
    );
}
