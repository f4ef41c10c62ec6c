//! `taper study plan`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueHint};
use taper::Stop;
use taper::study::{Description, StudyFolder, plan as plan_of};
use tracing::warn;

use crate::cli::LogArgs;
use crate::commands::cores::share_cores;
use crate::commands::output::print;
use crate::commands::output_file::check_log;

/// The flags of `taper study plan`.
#[derive(Debug, Args)]
#[command(after_help = concat!(
    "Example:\n  taper study plan depth.toml --out depth\n\nA plan never changes: to change a study, plan it anew in another \
     folder. The same file and data give the same plan, unless arms are matched by seconds.\n\n",
    exit_codes!()
))]
pub(super) struct PlanArgs {
    /// File of the study: TOML, YAML or JSON
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    study: PathBuf,
    /// Folder to make for the study; it must be new or empty, or have the same plan
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: PathBuf,
    #[command(flatten)]
    log: LogArgs,
}

pub(super) fn plan(args: &PlanArgs) -> Result<()> {
    share_cores(1);
    check_log(args.log.file(), [args.study.as_path(), &args.out])?;
    args.log.start()?;
    let study = Description::from_file(&args.study)?;
    let folder = StudyFolder::create(&args.out, plan_of(&study, &Stop::default())?)?;
    for warning in folder.plan().uneven() {
        warn!("{warning}");
    }
    print(&format!("{}", folder.plan()))
}
