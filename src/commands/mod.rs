//! The commands: a file each, with its flags and what it does.

#[macro_use]
mod help;

mod compare;
mod completions;
mod config;
mod cores;
mod cv;
mod evaluate;
mod export;
mod gradcheck;
mod importance;
mod inspect;
mod model_input;
mod output;
mod output_file;
mod predict;
mod report;
mod signals;
mod study;
mod train;
mod training;

use std::ffi::OsString;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use taper::build_info;

use compare::{CompareArgs, compare};
use completions::{CompletionsArgs, completions};
use config::{ConfigArgs, config};
use cv::{CvArgs, cv};
use evaluate::{EvaluateArgs, evaluate};
use export::{ExportArgs, export};
use gradcheck::{GradcheckArgs, gradcheck};
use importance::{ImportanceArgs, importance};
use inspect::{InspectArgs, inspect};
pub(crate) use output::readable;
use predict::{PredictArgs, predict};
use report::{ReportArgs, report};
pub(crate) use study::Ended;
use study::{StudyArgs, study};
use train::{TrainArgs, train};
pub(crate) use training::{Stopped, resume_call};

/// Cross-validate a regression network of dynamic depth, and check gradients
///
/// The network's shared hidden layer is applied a random number of times in each training step, and its
/// prediction is the mean over all depths, unless it learns how deep to go. It learns a file, or synthetic
/// data, y = x w + noise, and is tested on every row once.
///
/// Without a command, taper runs `taper cv`.
#[derive(Debug, Parser)]
#[command(
    version,
    long_version = build_info::FACTS,
    args_conflicts_with_subcommands = true,
    after_help = concat!(
        "Results go to standard output, logs and progress to standard error. RUST_LOG=taper=debug logs every epoch.\n\
         Missing values are empty fields, ?, NA, NaN, null, None and their like; --na replaces them.\n\n",
        cv_examples!(), "\n\n", run_exit_codes!()
    )
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    cv: CvArgs,
}

/// What to do.
///
/// A doc comment would replace the long description that a command has of its own.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Cross-validate (the default command)
    Cv(CvArgs),
    /// Train one network on all rows, or all but --holdout, and write it to a file
    Train(TrainArgs),
    #[command(about = "Say whether a run errs less than others, and how sure that is")]
    Compare(CompareArgs),
    /// Write the report of a run again
    Report(ReportArgs),
    /// Print the configuration that a call of `taper cv` would have, with comments, as a file for --config
    Config(ConfigArgs),
    #[command(
        about = "Compare several sets of settings on several data sets, on all cores or on many machines"
    )]
    Study(StudyArgs),
    #[command(about = "Predict the rows of a file with a trained model")]
    Predict(PredictArgs),
    #[command(about = "Measure the errors of a trained model on rows whose targets are known")]
    Evaluate(EvaluateArgs),
    #[command(about = "Measure by how much a trained model is worse without each column")]
    Importance(ImportanceArgs),
    #[command(about = "Write a trained model as an ONNX graph, which other programs run without taper")]
    Export(ExportArgs),
    #[command(about = "Print what is in a trained model")]
    Inspect(InspectArgs),
    #[command(about = "Compare the gradients of all operations, layers and networks with numerical ones")]
    Gradcheck(GradcheckArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
}

impl Cli {
    /// The command that `arguments` ask for, whether it is named or not. The first of them is the program's
    /// name.
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
            Command::Cv(args) => args.settings.note_given(matches),
            Command::Train(args) => args.settings.note_given(matches),
            Command::Config(args) => args.settings.note_given(matches),
            Command::Predict(_)
            | Command::Evaluate(_)
            | Command::Importance(_)
            | Command::Export(_)
            | Command::Inspect(_)
            | Command::Compare(_)
            | Command::Report(_)
            | Command::Study(_)
            | Command::Gradcheck(_)
            | Command::Completions(_) => {}
        }
        Ok(command)
    }
}

impl Command {
    /// Does what the command says.
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Cv(args) => cv(&args),
            Self::Train(args) => train(&args),
            Self::Compare(args) => compare(&args),
            Self::Report(args) => report(&args),
            Self::Config(args) => config(&args),
            Self::Study(args) => study(&args),
            Self::Predict(args) => predict(&args),
            Self::Evaluate(args) => evaluate(&args),
            Self::Importance(args) => importance(&args),
            Self::Export(args) => export(&args),
            Self::Inspect(args) => inspect(&args),
            Self::Gradcheck(args) => gradcheck(&args),
            Self::Completions(args) => completions(&args, &mut Cli::command()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::flag;
    use taper::config::{CvConfig, FileConfig, Recipe, keys};

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
        let (dates, date_format) = (Recipe::Tabular.dates(), Recipe::Tabular.date_format());
        let file_name = "a.csv".into();
        file.data.file = Some(FileConfig { file: file_name, dates, date_format, ..FileConfig::default() });
        // A key has a meaning in one of them or in both; the features have two, and --help shows the number.
        for key in keys() {
            let defaults = [&synthetic, &file].map(|config| config.get(key).unwrap_or_default());
            let flag = &flags[flag(key).trim_start_matches('-').replace('-', "_")];
            assert!(defaults.contains(flag), "{key}: {flag}");
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
        for key in keys() {
            assert!(flags.contains(&flag(key)), "{key} has no flag {}", flag(key));
        }
    }
}
