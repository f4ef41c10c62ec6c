//! `taper study`.

mod ended;
mod hyperqueue;
mod kubernetes;
mod merge;
mod plan;
mod report;
mod run;
mod scheduler;
mod slurm;
mod status;
mod submit;

use anyhow::Result;
use clap::{Args, Subcommand};

pub(crate) use ended::Ended;
use merge::MergeArgs;
use plan::PlanArgs;
use report::StudyReportArgs;
use run::StudyRunArgs;
use status::StatusArgs;
use submit::SubmitArgs;

/// The flags of `taper study`.
#[derive(Debug, Args)]
#[command(
    long_about = "Compare several sets of settings on several data sets, on all cores or on many machines\n\nA study is a \
                  file with a base configuration, arms (settings that differ from it) and data sets. All arms are trained \
                  on the same folds with the same seeds, each for as much computation as the others, and the report says \
                  which of them errs less, by how much, and how sure that is.",
    after_help = concat!(
        "A study in depth.toml:\n\n  \
           reference = \"fixed\"        # the arm that the others are compared with\n  \
           folds = 10                 # as are repeats = 3, seed = 1, metric = \"rmse\" and rope = 0.01\n  \
           match = \"flops\"            # or \"seconds\", or \"epochs\"\n\n  \
           [base.train]               # what all arms have, as in a file for --config\n  \
           epochs = 30\n\n  \
           [arms.fixed.model]\n  min_depth = 4\n\n  \
           [arms.random]              # as the base\n\n  \
           [data.houses]\n  file = \"houses.csv\"\n  target = [\"price\"]\n\n  \
           [data.linear]              # synthetic\n  rows = 2000\n\n\
         Examples:\n  taper study plan depth.toml --out depth\n  taper study run depth\n  taper study report depth\n\n",
        exit_codes!()
    )
)]
pub(crate) struct StudyArgs {
    #[command(subcommand)]
    command: StudyCommand,
}

/// What to do with a study.
#[derive(Debug, Subcommand)]
enum StudyCommand {
    /// Read a study's file and its data, check all settings, and make the folder of the study with its plan
    Plan(PlanArgs),
    /// Carry out the tasks of a study that have no outcome yet: all of them, or those of a shard
    Run(StudyRunArgs),
    /// Give the tasks of a study that have no outcome yet to a scheduler, for many machines
    Submit(SubmitArgs),
    /// Print how far a study is, by arms and machines
    Status(StatusArgs),
    /// Put all outcomes together, in the folder `merged` of the study
    Merge(MergeArgs),
    /// Print which arms err less, by how much and how sure that is, and write it as a page
    Report(StudyReportArgs),
}

pub(crate) fn study(args: &StudyArgs) -> Result<()> {
    match &args.command {
        StudyCommand::Plan(args) => plan::plan(args),
        StudyCommand::Run(args) => run::run(args),
        StudyCommand::Submit(args) => submit::submit(args),
        StudyCommand::Status(args) => status::status(args),
        StudyCommand::Merge(args) => merge::merge(args),
        StudyCommand::Report(args) => report::report(args),
    }
}
