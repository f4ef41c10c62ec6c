//! What `taper predict` and `taper inspect` refuse, and the message and exit code of each.

use std::fs;
use std::process::{Command, Output};

use candle_core::{DType, Tensor};
use taper::model::Schema;

use super::{file, folder, model, towns};

/// Runs `taper` in the folder of the test that runs.
pub(crate) fn taper(args: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taper"));
    let args = args.split_whitespace();
    command
        .args(args)
        .current_dir(folder())
        .env_remove("RUST_LOG")
        .env_remove("RUST_BACKTRACE")
        .output()
        .unwrap()
}

/// The one line on standard error of a call in vain, and its exit code.
fn refusal(args: &str) -> (String, i32) {
    let output = taper(args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "taper {args}: {text}");
    assert!(output.stdout.is_empty() || args.contains("late"), "taper {args} printed something");
    (text.trim_end().to_owned(), output.status.code().unwrap())
}

#[test]
#[allow(clippy::too_many_lines)]
fn bad_calls_get_a_message_and_a_code() {
    model(towns(DType::F32)).save(folder().join("towns.safetensors")).unwrap();
    model(Schema::unnamed(2, 1)).save(folder().join("plain.safetensors")).unwrap();
    let bytes = fs::read(folder().join("plain.safetensors")).unwrap();
    file("cut.safetensors", &bytes[..bytes.len() - 9]);
    let x = Tensor::zeros((2, 3), DType::F32, &candle_core::Device::Cpu).unwrap();
    file("matrix.safetensors", safetensors::serialize([("Z", &x)], None).unwrap());
    file("three.safetensors", safetensors::serialize([("X", &x)], None).unwrap());
    let nan = (x.narrow(1, 0, 2).unwrap().contiguous().unwrap() / 0.).unwrap();
    file("nan.safetensors", safetensors::serialize([("X", &nan)], None).unwrap());
    file("good.csv", "age,town,size\n31.5,Ulm,70\n");
    file("plain.csv", "x0,x1\n1,2\n");
    file("there.csv", "mine");
    file("kept.csv", "x0,x1,prediction\n1,2,3\n");
    let late = format!("x0,x1\n{}1,x\n", "1,2\n".repeat(5000));
    file("late.csv", late);
    for (name, text) in [
        ("no_size.csv", "age,town,Size\n1,Ulm,2\n"),
        ("no_town.csv", "age,size,a,b\n1,2,3,4\n"),
        ("nothing.csv", "a,b\n1,2\n"),
        ("empty.csv", ""),
        ("twice.csv", "age,town,size,age\n1,Ulm,2,3\n"),
        ("ragged.csv", "age,town,size\n1,Ulm,2\n1,Ulm\n"),
        ("text.csv", "age,town,size\n1,Ulm,2\nold,Ulm,3\n"),
        ("infinite.csv", "age,town,size\n1,Ulm,2\n1,Ulm,-inf\n"),
        ("large.csv", "age,town,size\n1,Ulm,2\n1,Ulm,1e39\n"),
        ("missing.csv", "age,town,size\r\n1,Ulm,2\r\n1,Ulm,\r\n"),
        ("unknown.csv", "age,town,size\n1,Ulm,2\n\n1,Rom,3\n"),
        ("unknown_missing.csv", "age,town,size\n1,NA,2\n"),
        ("quote.csv", "size,age,town\n1,2,\"Ulm\n"),
    ] {
        file(name, text);
    }
    file("latin.csv", b"age,town,size\n1,K\xf6ln,2\n");

    let missing = "of which the model has learnt none; `--missing mean` fills the mean of its training in, \
                   `--missing empty` predicts nothing for such rows";
    for (args, expected, code) in [
        // The call.
        ("predict", "the following required arguments were not provided: --model <FILE>; --data <FILE>", 2),
        (
            "predict --model towns.safetensors --data good.csv --force",
            "the following required arguments were not provided: --out <FILE>",
            2,
        ),
        (
            "predict --model towns.safetensors --data good.csv --depth deep",
            "invalid value 'deep' for '--depth <mean|all|N>': expected mean, all or a number",
            2,
        ),
        (
            "predict --model towns.safetensors --data good.csv --depth -1",
            "invalid value '-1' for '--depth <mean|all|N>': expected mean, all or a number",
            2,
        ),
        (
            "predict --model towns.safetensors --data good.csv --depth 4",
            "--depth is 4, expected mean, all or a depth of the model, 1 to 3",
            2,
        ),
        (
            "predict --model towns.safetensors --data good.csv --missing drop",
            "invalid value 'drop' for '--missing <WAY>'; [possible values: trained, error, mean, empty]",
            2,
        ),
        (
            "predict --model plain.safetensors --data plain.csv --missing mean",
            "--missing is mean, but the model does not know the means: its features were not scaled in training",
            2,
        ),
        (
            "predict --model towns.safetensors --data good.csv --keep id",
            "--keep is 'id', which good.csv does not have; expected one of age, town, size",
            2,
        ),
        (
            "predict --model towns.safetensors --data good.csv --keep Age",
            "--keep is 'Age', which good.csv does not have; did you mean 'age'?",
            2,
        ),
        (
            "predict --model towns.safetensors --data good.csv --keep age,age",
            "--keep is 'age' twice, expected each column once",
            2,
        ),
        (
            "predict --model plain.safetensors --data kept.csv --keep prediction",
            "--keep is 'prediction', which is the name of a column of predictions",
            2,
        ),
        (
            "predict --model plain.safetensors --data nan.safetensors --keep id",
            "--keep is 'id', which nan.safetensors does not have: its columns have no names; expected a text file",
            2,
        ),
        // What is written.
        (
            "predict --model plain.safetensors --data plain.csv --out there.csv",
            "--out is there.csv, which already exists; `--force` replaces it",
            2,
        ),
        (
            "predict --model plain.safetensors --data plain.csv --force --out plain.csv",
            "--out is plain.csv, which is read; expected another file",
            2,
        ),
        (
            "predict --model plain.safetensors --data plain.csv --force --out plain.safetensors",
            "--out is plain.safetensors, which is read; expected another file",
            2,
        ),
        (
            "predict --model plain.safetensors --data plain.csv --force --out /dev/null",
            "--out is /dev/null, which is not a file; without it predictions go to standard output",
            2,
        ),
        (
            "predict --model plain.safetensors --data plain.csv --out new/",
            "--out is new/, which is the name of a folder; without it predictions go to standard output",
            2,
        ),
        (
            "predict --model plain.safetensors --data plain.csv --out plain.csv/p.csv",
            "--out is plain.csv/p.csv, which cannot be written: Not a directory (os error 20)",
            2,
        ),
        (
            "predict --model plain.safetensors --data plain.csv --out logged.csv --log-file ./logged.csv",
            "--log-file is ./logged.csv, which is also read or written; expected a file of its own",
            2,
        ),
        (
            "predict --model plain.safetensors --data plain.csv --out good.csv/folder/p.csv",
            "--out is good.csv/folder/p.csv, which cannot be written: Not a directory (os error 20)",
            2,
        ),
        // The model.
        (
            "predict --model none.safetensors --data good.csv",
            "--model is none.safetensors, which cannot be read: No such file or directory (os error 2)",
            2,
        ),
        (
            "predict --model cut.safetensors --data good.csv",
            "cut.safetensors: is damaged or cut off: its checksum differs",
            1,
        ),
        ("predict --model good.csv --data good.csv", "good.csv: does not begin as a model of taper does", 1),
        ("inspect", "the following required arguments were not provided: <MODEL>", 2),
        (
            "inspect none.safetensors",
            "MODEL is none.safetensors, which cannot be read: No such file or directory (os error 2)",
            2,
        ),
        ("inspect cut.safetensors", "cut.safetensors: is damaged or cut off: its checksum differs", 1),
        ("inspect cut.safetensors --json", "cut.safetensors: is damaged or cut off: its checksum differs", 1),
        ("inspect matrix.safetensors", "matrix.safetensors: does not begin as a model of taper does", 1),
        ("inspect .", ".: is not a file, expected one that `taper train` has written", 1),
        // The file of the data.
        (
            "predict --model towns.safetensors --data none.csv",
            "--data is none.csv, which cannot be read: No such file or directory (os error 2)",
            2,
        ),
        (
            "predict --model towns.safetensors --data good.xlsx",
            "--data is good.xlsx, which cannot be read: No such file or directory (os error 2)",
            2,
        ),
        (
            "predict --model towns.safetensors --data no_size.csv",
            "no_size.csv: has no column 'size', which the model was trained on; is it the one named 'Size'?",
            1,
        ),
        (
            "predict --model towns.safetensors --data no_town.csv",
            "no_town.csv: has no column 'town', which the model was trained on; it has age, size, a, b",
            1,
        ),
        (
            "predict --model towns.safetensors --data nothing.csv",
            "nothing.csv: has none of the columns age, town, size, which the model was trained on; it has a, b",
            1,
        ),
        (
            "predict --model towns.safetensors --data empty.csv",
            "empty.csv: is empty, expected a header with the names of the columns, and rows",
            1,
        ),
        (
            "predict --model towns.safetensors --data twice.csv",
            "twice.csv:1:age: the header has this name in columns 1 and 4, expected each name once",
            1,
        ),
        (
            "predict --model plain.safetensors --data matrix.safetensors",
            "matrix.safetensors:Z: has 3 columns, expected 2 as the model was trained on: x0, x1",
            1,
        ),
        (
            "predict --model plain.safetensors --data three.safetensors",
            "three.safetensors:X: has 3 columns, expected 2 as the model was trained on: x0, x1",
            1,
        ),
        (
            "predict --model towns.safetensors --data three.safetensors",
            "three.safetensors:X: has numbers alone, and 'town', which the model was trained on, is text; expected a .csv, \
          .tsv or .txt file",
            1,
        ),
        // Its rows.
        (
            "predict --model towns.safetensors --data ragged.csv",
            "ragged.csv:3: has 2 fields, expected 3 as in the header",
            1,
        ),
        (
            "predict --model towns.safetensors --data text.csv",
            "text.csv:3:age: 'old' is not a number, as the values were that the model has learnt",
            1,
        ),
        (
            "predict --model towns.safetensors --data infinite.csv",
            "infinite.csv:3:size: '-inf' is infinite, expected a finite number",
            1,
        ),
        (
            "predict --model towns.safetensors --data large.csv",
            "large.csv:3:size: '1e39' is too large for f32, the type of the model, expected at most 3.4e38",
            1,
        ),
        (
            "predict --model towns.safetensors --data missing.csv",
            &format!("missing.csv:3:size: '' is a missing value, {missing}"),
            1,
        ),
        (
            "predict --model plain.safetensors --data nan.safetensors",
            &format!("nan.safetensors:X[0, 0]: is NaN, a missing value, {missing}"),
            1,
        ),
        (
            "predict --model towns.safetensors --data unknown.csv",
            "unknown.csv:4:town: 'Rom' is a value that the model has not learnt, expected one of Bonn, Köln, Ulm; \
          `--unknown zeros` takes it for none of them, `--unknown missing` for a missing value",
            1,
        ),
        (
            "predict --model towns.safetensors --data unknown.csv --unknown missing",
            &format!("unknown.csv:4:town: 'Rom' is a missing value, {missing}"),
            1,
        ),
        (
            "predict --model towns.safetensors --data unknown_missing.csv --unknown zeros",
            &format!("unknown_missing.csv:2:town: 'NA' is a missing value, {missing}"),
            1,
        ),
        (
            "predict --model towns.safetensors --data quote.csv --unknown zeros",
            "quote.csv:2: begins a quoted field that runs to the end of the file, expected a quote that closes it",
            1,
        ),
        (
            "predict --model towns.safetensors --data latin.csv",
            "latin.csv:2:town: is not UTF-8, expected text in that encoding; `--encoding windows-1252` reads what older programs write in Western Europe and America",
            1,
        ),
        (
            "predict --model plain.safetensors --data late.csv",
            "late.csv:5002:x1: 'x' is not a number, as the values were that the model has learnt",
            1,
        ),
        (
            "predict --model plain.safetensors --data late.csv --out late_predictions.csv",
            "late.csv:5002:x1: 'x' is not a number, as the values were that the model has learnt",
            1,
        ),
    ] {
        let (text, actual) = refusal(args);
        let expected = format!("error: {expected}");
        let text = text.trim_end_matches("; see 'taper --help'");
        assert_eq!((text, actual), (expected.as_str(), code), "taper {args}");
    }
    assert_eq!(fs::read_to_string(folder().join("there.csv")).unwrap(), "mine");
    assert!(!folder().join("logged.csv").exists());
    // A run that fails leaves nothing.
    let mut left = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.find(|name| name.to_string_lossy().contains("late_predictions")), None);
}
