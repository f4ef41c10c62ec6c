//! The command line: the only place that knows flags.

mod completions;
mod config;
mod cv;
mod gradcheck;
mod inspect;
mod log;
mod predict;
mod report;
mod run;
mod train;
mod value_enum;

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use taper::build_info;

pub(crate) use completions::CompletionsArgs;
pub(crate) use config::{ConfigArgs, commented};
pub(crate) use cv::{CvArgs, SettingArgs};
pub(crate) use gradcheck::GradcheckArgs;
pub(crate) use inspect::InspectArgs;
use log::LogArgs;
pub(crate) use predict::PredictArgs;
pub(crate) use report::ReportArgs;
pub(crate) use run::RunArgs;
pub(crate) use train::TrainArgs;
use value_enum::value_enum;

/// Cross-validate a regression network of dynamic depth, and check gradients
///
/// The network's shared hidden layer is applied a random number of times in each training step, and its prediction is
/// the mean over all depths. It learns a file, or synthetic data, y = x w + noise, and is tested on every row once.
///
/// Without a command, taper runs `taper cv`.
#[derive(Debug, Parser)]
#[command(
    version,
    long_version = build_info::FACTS,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "Results go to standard output, logs and progress to standard error. RUST_LOG=taper=debug logs \
                  every epoch.\nMissing values are empty fields, NA, N/A, NaN, null and ?, in upper or lower case.\n\
                  Exit codes: 0 done, 1 the run failed, 2 the call was wrong, 124 --max-time is over, 130 and 143 \
                  stopped by SIGINT and SIGTERM."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    cv: CvArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Cross-validate (the default command)
    Cv(CvArgs),
    /// Train one network on all rows, or all but --holdout, and write it to a file
    Train(TrainArgs),
    /// Make the report of a run anew
    Report(ReportArgs),
    /// Print the configuration that a call of `taper cv` would have, with comments, as a file for --config
    Config(ConfigArgs),
    /// Predict the rows of a file with a trained model
    Predict(PredictArgs),
    /// Print what is in a trained model
    Inspect(InspectArgs),
    /// Hold the gradients of all operations, layers and networks against numerical ones
    Gradcheck(GradcheckArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
}

impl Cli {
    /// The command that `arguments` ask for, whether it is named or not. The first of them is the program's name.
    ///
    /// # Errors
    ///
    /// Fails when clap refuses the arguments or answers them itself, as --help.
    pub(crate) fn command_of(
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> clap::error::Result<Command> {
        let matches = Self::command().try_get_matches_from(arguments)?;
        let cli = Self::from_arg_matches(&matches)?;
        let mut command = cli.command.unwrap_or(Command::Cv(cli.cv));
        let matches = matches.subcommand().map_or(&matches, |(_, matches)| matches);
        match &mut command {
            Command::Cv(args) => args.settings.given = given(matches),
            Command::Train(args) => args.settings.given = given(matches),
            Command::Config(args) => args.settings.given = given(matches),
            Command::Predict(_)
            | Command::Inspect(_)
            | Command::Report(_)
            | Command::Gradcheck(_)
            | Command::Completions(_) => {}
        }
        Ok(command)
    }
}

/// The names of the arguments that do not have their defaults.
fn given(matches: &ArgMatches) -> Vec<String> {
    let is_given = |name: &&str| matches.value_source(name) == Some(ValueSource::CommandLine);
    matches.ids().map(clap::Id::as_str).filter(is_given).map(str::to_owned).collect()
}

/// A refusal by clap as one line: what is wrong, and what would be right where clap knows.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let paragraphs =
        text.split("\n\n").filter(|p| !["Usage:", "For more"].iter().any(|no| p.starts_with(no)));
    let lines: Vec<_> =
        paragraphs.flat_map(str::lines).map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut message = lines.join("; ").replace(":; ", ": ");
    // What Rust's parsers of numbers say does not say what would be right.
    for (said, expected) in [
        ("invalid digit found in string", "expected a whole number of 0 or more"),
        ("number too large to fit in target type", "expected a whole number below 2^64"),
        ("cannot parse integer from empty string", "expected a whole number of 0 or more"),
        ("invalid float literal", "expected a number"),
        ("cannot parse float from empty string", "expected a number"),
    ] {
        message = message.replace(said, expected);
    }
    format!("{message}; see 'taper --help'")
}

/// The flag that sets the configuration's `key`: its last part, as all flags but `--data` are named.
pub(crate) fn flag(key: &str) -> String {
    if key == "data.file" {
        return "--data".to_owned();
    }
    let name = key.rsplit('.').next().unwrap_or(key);
    format!("--{}", name.replace('_', "-"))
}

/// The argument of the flag that sets the configuration's `key`, by clap's name.
fn argument(key: &str) -> String {
    flag(key).trim_start_matches('-').replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use taper::config::{CvConfig, FileConfig, KEYS};

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_arguments_give_the_default_configuration() {
        for call in [["taper"].as_slice(), &["taper", "cv"]] {
            let Command::Cv(args) = Cli::command_of(call).unwrap() else { panic!("not cv") };
            assert_eq!(args.settings.settings(None).unwrap().config().unwrap(), CvConfig::default());
        }
    }

    /// --help shows the defaults of the configuration.
    #[test]
    fn the_defaults_of_the_flags_are_those_of_the_configuration() {
        let Command::Cv(args) = Cli::command_of(["taper", "--data", "a.csv"]).unwrap() else {
            panic!("not cv")
        };
        let flags = serde_json::to_value(&args.settings).unwrap();
        let synthetic = CvConfig::default();
        let mut file = synthetic.clone();
        file.data.file = Some(FileConfig { file: "a.csv".into(), ..FileConfig::default() });
        // A key has a meaning in one of them or in both; the features have two, and --help shows the number.
        let documents = [synthetic, file].map(|config| serde_json::to_value(config).unwrap());
        for key in KEYS {
            let pointer = format!("/{}", key.replace('.', "/"));
            let mut defaults = documents.iter().map(|document| document.pointer(&pointer));
            let flag = &flags[argument(key)];
            assert!(defaults.any(|default| default.unwrap_or(&Value::Null) == flag), "{key}: {flag}");
        }
    }

    /// Errors name settings by key, and users know them by flag: every key must have one of that name.
    #[test]
    fn every_key_of_the_configuration_has_its_flag() {
        let command = Cli::command();
        let flags: Vec<_> = command
            .get_arguments()
            .filter_map(|arg| arg.get_long().map(|name| format!("--{name}")))
            .collect();
        for key in KEYS {
            assert!(flags.contains(&flag(key)), "{key} has no flag {}", flag(key));
        }
    }
}
