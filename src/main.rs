//! The `taper` command.

mod cli;
mod commands;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use taper::Error;
use tracing::debug;

use crate::cli::{Cli, Command, flag, one_line};
use crate::commands::{Stopped, cv, gradcheck, inspect, predict, print, readable, report, train};

const FAILED: u8 = 1;
const WRONG_CALL: u8 = 2;

fn main() -> ExitCode {
    let command = match Cli::command_of(env::args_os()) {
        Ok(command) => command,
        Err(error) if error.use_stderr() => return fail(&one_line(&error), WRONG_CALL),
        // --help and --version.
        Err(error) => return exit_code(readable(error.print())),
    };
    let result = match command {
        Command::Cv(args) => cv(&args),
        Command::Train(args) => train(&args),
        Command::Report(args) => report(&args),
        Command::Config(args) => args.text().and_then(|text| print(&text)),
        Command::Predict(args) => predict(&args),
        Command::Inspect(args) => inspect(&args),
        Command::Gradcheck(args) => gradcheck(&args),
        Command::Completions(args) => print(&args.script()),
    };
    exit_code(result)
}

/// Zero, or the error on standard error and its code.
fn exit_code(result: Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if let Some(stopped) = error.downcast_ref::<Stopped>() {
        return fail(&stopped.to_string(), stopped.code());
    }
    match error.downcast_ref() {
        Some(Error::Config { key, problem }) => fail(&format!("error: {} {problem}", flag(key)), WRONG_CALL),
        Some(Error::Settings(_)) => fail(&format!("error: {error}"), WRONG_CALL),
        _ => fail(&format!("error: {}", in_one_line(&error)), FAILED),
    }
}

/// What happened, without the trace that Candle appends to its message under `RUST_BACKTRACE`.
fn in_one_line(error: &anyhow::Error) -> String {
    format!("{error:#}").lines().next().unwrap_or_default().to_owned()
}

fn fail(message: &str, code: u8) -> ExitCode {
    // For the log file: on standard error it stands below.
    debug!(code, "{message}");
    // Where standard error is closed or full too, the code is all that can be said.
    let _ = writeln!(io::stderr(), "{message}");
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_in_an_error_is_left_out() {
        let cause = candle_core::Error::msg("out of memory\n   0: candle_core::error::Error::bt");
        let error = anyhow::Error::new(Error::Fold { fold: 2, source: Box::new(cause.into()) });
        assert_eq!(in_one_line(&error), "fold 2: out of memory");
    }
}
