//! `taper compare`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use clap::{Args, ValueHint};
use taper::Error;
use taper::compare::{Measurements, NamedRuns, Rules, compare as compare_arms, of_runs, of_tables};
use taper::report::{ComparisonReport, comparison_html};
use tracing::warn;

use super::output::{print, width};
use super::output_file::{OutputFile, check_log};
use crate::cli::{LogArgs, MetricArg, Names, all_names, with_flags};

/// The flags of `taper compare`.
#[derive(Debug, Args)]
#[command(
    long_about = "Say whether a run errs less than others, and how sure that is\n\nRuns are folders that `taper cv --out` made. \
                  Those on the same data need the same --folds, --repeats and --seed, so that errors are compared fold by fold; \
                  they are told apart by the settings in which they differ. Errors of any other program are compared, too: a \
                  table, CSV or JSON, with the columns arm (or learner), data, repeat, fold and error (or a name of --metric); \
                  data and repeat may be left out, and train_rows and test_rows added.\n\nOn one data set the tests are \
                  corrected for the training rows that folds share: a plain t-test finds differences where there are none. Of \
                  several data sets each counts as one number: from 6 on a signed-rank test can find something, and more data \
                  sets tell more than more seeds. Choose --reference, --metric and --rope before you see the results.",
    after_help = concat!(
        "Examples:\n  taper compare runs/plain runs/residual\n  \
         taper compare runs/* --reference runs/plain --metric mae --html blocks.html\n  \
         taper compare --arms plain=runs/a1,runs/b1 --arms deep=runs/a2,runs/b2\n  \
         taper compare errors.csv --reference ridge --json\n\n",
        exit_codes!()
    )
)]
pub(crate) struct CompareArgs {
    /// Folders of finished runs of `taper cv`, at least two, or tables of errors
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath, required_unless_present = "arms", conflicts_with = "arms")]
    runs: Vec<PathBuf>,
    /// Runs of one arm, one on each data set, and its name; once for each arm
    #[arg(long, value_name = "NAME=RUN,...", help_heading = "Comparison")]
    arms: Vec<ArmArg>,
    /// Run or name of an arm with which all others are compared [default: the first]
    #[arg(long, value_name = "RUN", value_hint = ValueHint::DirPath, help_heading = "Comparison")]
    reference: Option<String>,
    /// Error that is compared; of several targets the geometric mean [default: rmse, or the column error of a
    /// table]
    #[arg(long, value_name = "NAME", value_enum, help_heading = "Comparison")]
    metric: Option<MetricArg>,
    /// Largest difference that counts as none, as a share of the error
    #[arg(long, value_name = "X", default_value_t = Rules::default().rope, allow_negative_numbers = true, help_heading = "Comparison")]
    rope: f64,
    /// Seed of the bootstrap over data sets
    #[arg(long, value_name = "N", default_value_t = Rules::default().seed, help_heading = "Comparison")]
    seed: u64,

    /// Page to write with the answer, intervals and all folds, such as blocks.html
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    html: Option<PathBuf>,
    /// Replace the file of --html if there is one
    #[arg(long, requires = "html", help_heading = "Output")]
    force: bool,
    /// Print one JSON document instead of the answer and the tables, with all errors and tests
    #[arg(long, help_heading = "Output")]
    json: bool,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// An arm with its runs, as `NAME=RUN,RUN`.
#[derive(Debug, Clone)]
struct ArmArg(NamedRuns);

impl FromStr for ArmArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a name, = and folders of runs separated by commas".to_owned();
        let (name, runs) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(expected)?;
        let runs: Vec<_> = all_names(&[runs.parse::<Names>()?]).into_iter().map(PathBuf::from).collect();
        if runs.iter().any(|run| run.as_os_str().is_empty()) {
            return Err(expected());
        }
        Ok(Self(NamedRuns { name: name.to_owned(), runs }))
    }
}

pub(crate) fn compare(args: &CompareArgs) -> Result<()> {
    let inputs: Vec<_> = args.runs.iter().map(PathBuf::as_path).collect();
    let check =
        |path: &PathBuf| OutputFile::check("html", path, &inputs, args.force, "expected a file to write");
    let page = args.html.as_ref().map(check).transpose()?;
    check_log(args.log.file(), args.html.as_deref())?;
    args.log.start()?;
    let named: Vec<_> = args.arms.iter().map(|ArmArg(arm)| arm.clone()).collect();
    let (measured, warnings) = match args.runs.iter().find(|path| path.is_file()) {
        None => of_runs(&args.runs, &named, args.metric.map(Into::into).unwrap_or_default())?,
        Some(table) => {
            check_tables(&args.runs, table)?;
            of_tables(&args.runs, args.metric.map(Into::into))?
        }
    };
    let reference = args.reference.as_deref().map_or(Ok(0), |name| reference(&measured, name))?;
    let rules = Rules { reference, rope: args.rope, seed: args.seed, ..Rules::default() };
    let mut comparison = compare_arms(&measured, &rules)?;
    comparison.warnings.splice(..0, warnings);
    for warning in &comparison.warnings {
        warn!("{warning}");
    }
    if let Some(page) = page {
        let mut file = page.create()?;
        let written = file.write_all(comparison_html(&comparison).as_bytes());
        written.with_context(|| format!("cannot write to {}", page.path().display()))?;
        page.commit(file)?;
    }
    let (report, width) = (ComparisonReport(comparison), width());
    print(&if args.json {
        serde_json::to_string_pretty(&report)?
    } else {
        with_flags(&format!("{report:width$}"))
    })
}

/// Refuses what is not a table beside `table`, which is one.
fn check_tables(paths: &[PathBuf], table: &Path) -> Result<()> {
    match paths.iter().find(|path| !path.is_file()) {
        None => Ok(()),
        Some(other) => {
            let [table, other] = [table, other].map(Path::display);
            let problem = format!(
                "{table} is a file, and {other} is not; expected tables alone, or folders of runs alone"
            );
            Err(Error::Settings(problem).into())
        }
    }
}

/// The arm of this name, or that a run of this folder is of.
fn reference(measured: &Measurements, name: &str) -> Result<usize> {
    let is_run = |source: &String| Path::new(source) == Path::new(name);
    let found = measured.arms.iter().position(|arm| arm.name == name || arm.sources.iter().any(is_run));
    let arms = || measured.arms.iter().map(|arm| arm.name.as_str()).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| {
        let problem = format!("--reference is {name}, expected one of the runs, or an arm: {}", arms());
        Error::Settings(problem).into()
    })
}
