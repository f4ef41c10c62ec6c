//! The `taper` command.

mod cli;

use std::env;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result, bail};
use candle_core::Device;
use taper::config::{DataConfig, DeviceSpec, ValidConfig};
use taper::data::Dataset;
use taper::gradcheck::{Verdict, summary, table};
use taper::random::{Stream, generator};
use taper::{Error, audit, cross_validate, data, telemetry};

use crate::cli::{Cli, Command, CvArgs, GradcheckArgs, flag, one_line};

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
        Command::Config(args) => args.text().and_then(|text| print(&text)),
        Command::Predict(args) => args.run(),
        Command::Inspect(args) => args.text().and_then(|text| print(&text)),
        Command::Gradcheck(args) => gradcheck(&args),
    };
    exit_code(result)
}

/// Zero, or the error on standard error and its code.
fn exit_code(result: Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
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

fn cv(args: &CvArgs) -> Result<()> {
    let settings = args.settings.settings()?;
    let config = settings.config()?;
    share_cores(args.jobs().map_or_else(cores, NonZeroUsize::get).min(config.folds));
    telemetry::init(args.log_format(), args.quiet);
    let config = settings.validate()?;
    // A GPU is opened once for each job, and there is no work for more jobs than folds.
    let jobs = args.jobs().zip(NonZeroUsize::new(config.folds)).map(|(jobs, folds)| jobs.min(folds));
    let devices = config.device.open(jobs)?;
    let report = load(&config).and_then(|data| cross_validate(&config, &data, &devices));
    let report = report.map_err(|error| settings.as_given(error))?;
    print(&if args.json { serde_json::to_string_pretty(&report)? } else { report.to_string() })
}

/// The data that `config` asks for, on the CPU.
fn load(config: &ValidConfig) -> Result<Dataset, Error> {
    let DataConfig { rows, features, noise, file, .. } = &config.data;
    if let Some(file) = file {
        return Ok(data::read(file, config.dtype)?.data);
    }
    let rng = generator(config.seed, Stream::Data, 0);
    Ok(data::synthetic(*rows, *features, *noise, rng, config.dtype.into(), &Device::Cpu)?)
}

fn gradcheck(args: &GradcheckArgs) -> Result<()> {
    // Candle reads it once in each thread, before the first backward.
    set_default("CANDLE_GRAD_DO_NOT_DETACH", "1");
    share_cores(1);
    if matches!(&args.device, DeviceSpec::Cuda(numbers) if numbers.len() > 1) {
        let problem = format!("is {}, expected one device", args.device);
        return Err(Error::Config { key: "device", problem }.into());
    }
    let devices = args.device.open(Some(NonZeroUsize::MIN))?;
    let cases = if args.candle { audit::candle_cases()? } else { audit::own_cases()? };
    let rows = audit::run(&cases, &args.filter, &devices[0])?;
    if rows.is_empty() {
        let problem =
            format!("is '{}', which is in no function's name; without it all are shown", args.filter);
        return Err(Error::Config { key: "filter", problem }.into());
    }
    if args.json {
        print(&serde_json::to_string_pretty(&rows)?)?;
    } else {
        print(&format!("{}\n{}", table(&rows), summary(&rows)))?;
    }
    let failed = rows.iter().filter(|row| row.verdict != Verdict::Right).count();
    if failed > 0 && !args.candle {
        bail!("{failed} of {} gradient checks failed", rows.len());
    }
    Ok(())
}

/// Divides the cores among `jobs` folds.
///
/// Candle 0.11 asks how many threads to use at every matrix product, and without the variable it parses
/// /proc/cpuinfo each time. Here a default run takes 1.8 s with the variable and 5.7 s without.
fn share_cores(jobs: usize) {
    set_default("RAYON_NUM_THREADS", &(cores() / jobs.max(1)).max(1).to_string());
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Sets an environment variable that the user has not set. Only for the time before any other thread is started.
fn set_default(variable: &str, value: &str) {
    if env::var_os(variable).is_none() {
        // SAFETY: no other thread has been started that could read the environment at the same time.
        #[allow(unsafe_code)]
        unsafe {
            env::set_var(variable, value);
        }
    }
}

/// Writes `text` to standard output.
fn print(text: &str) -> Result<()> {
    readable(writeln!(io::stdout(), "{text}"))
}

/// The result of writing to standard output: that a reader such as `head` has gone away is no error.
fn readable(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}

fn fail(message: &str, code: u8) -> ExitCode {
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
