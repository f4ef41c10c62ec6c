//! The `taper` command.

mod cli;
mod commands;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use signal_hook::consts::SIGABRT;
use signal_hook::flag::register_conditional_shutdown;
use taper::Error;
use tracing::debug;

use crate::cli::{flag, one_line, with_flags};
use crate::commands::{Cli, Ended, Stopped, readable, resume_call};

const FAILED: u8 = 1;
const WRONG_CALL: u8 = 2;

fn main() -> ExitCode {
    exit_where_memory_ends();
    let command = match Cli::command_of(env::args_os()) {
        Ok(command) => command,
        Err(error) if error.use_stderr() => return fail(&one_line(&error), WRONG_CALL),
        // --help and --version.
        Err(error) => return exit_code(readable(error.print())),
    };
    exit_code(command.run())
}

/// Lets the process exit as after other failures where it would abort since even something small finds no
/// memory: Rust has then said how much it was.
fn exit_where_memory_ends() {
    // A system without the signal does as it does.
    let _ = register_conditional_shutdown(SIGABRT, FAILED.into(), Arc::new(AtomicBool::new(true)));
}

/// Zero, or the error on standard error and its code.
fn exit_code(result: Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if let Some(stopped) = error.downcast_ref::<Stopped>() {
        return fail(&stopped.to_string(), stopped.code());
    }
    if let Some(ended) = error.downcast_ref::<Ended>() {
        return fail(&ended.to_string(), ended.code());
    }
    let (message, code) = match error.downcast_ref() {
        Some(Error::Config { key, problem }) => (format!("{} {problem}", flag(key)), WRONG_CALL),
        Some(Error::Settings(problem)) => (problem.clone(), WRONG_CALL),
        Some(Error::Unfinished { folder, command: Some(command) }) => {
            (format!("{error}; `{}` resumes it", resume_call(command, folder)), FAILED)
        }
        Some(Error::Unfinished { command: None, .. }) => {
            (format!("{error}; the command that began it resumes it with --resume"), FAILED)
        }
        _ => (in_one_line(&error), FAILED),
    };
    fail(&format!("error: {}", with_flags(&message)), code)
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
