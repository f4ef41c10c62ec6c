//! Calls of the binary.

use std::process::{Command, Output};

use serde_json::Value;

/// Runs `taper` with `args`.
pub(crate) fn taper(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taper"));
    command.args(args).env_remove("RUST_LOG").env_remove("RUST_BACKTRACE").output().unwrap()
}

/// The exit code, standard output and standard error.
pub(crate) fn called(args: &[&str]) -> (Option<i32>, String, String) {
    let output = taper(args);
    (output.status.code(), stdout(&output).to_owned(), stderr(&output).to_owned())
}

pub(crate) fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

pub(crate) fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// The JSON document on standard output.
pub(crate) fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    serde_json::from_str(stdout(output)).unwrap()
}

/// Asserts that a model predicts `rows` rows as they were predicted when its training in the folder `run` tested
/// them, bit for bit.
pub fn assert_predicts_as_tested(run: &str, data: &str, rows: usize) {
    let model = format!("{run}/model.safetensors");
    let output = taper(&["predict", "-q", "--model", &model, "--data", data]);
    let predicted: Vec<f64> = stdout(&output).lines().skip(1).map(|line| line.parse().unwrap()).collect();
    let mut file = csv::Reader::from_path(format!("{run}/predictions.csv")).unwrap();
    let header = file.headers().unwrap().clone();
    let [row, prediction] =
        ["row", "prediction"].map(|name| header.iter().position(|column| column == name).unwrap());
    let records: Vec<_> = file.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), rows);
    for record in &records {
        let row: usize = record[row].parse().unwrap();
        assert_eq!(record[prediction].parse::<f64>().unwrap().to_bits(), predicted[row].to_bits());
    }
}
