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
