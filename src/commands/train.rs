//! `taper train`.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use taper::config::ValidConfig;
use taper::data::Table;
use taper::model::{Holdout, Model, Objective, Schema, Training};
use taper::report::TrainReport;
use taper::{Fitted, hold_out, train_model};

use super::cores::share_cores;
use super::output::{print, width};
use super::output_file::{OutputFile, check_log};
use super::training::{Folder, Run, warn_of};
use crate::cli::{OutputArgs, RunArgs, SettingArgs, with_flags};

/// The flags of `taper train`.
#[derive(Debug, Args)]
#[command(after_help = concat!(
    "Examples:\n  taper train --data houses.csv --target price --holdout 0.2 --model houses.safetensors\n  \
     taper train --data houses.csv --target price --out runs/final\n  taper train --resume runs/final",
    "\n\n",
    run_exit_codes!()
))]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// File to write the model to [default: model.safetensors, in the folder of --out if there is one]
    #[arg(long, value_name = "FILE", conflicts_with = "folder", help_heading = "Run")]
    pub(crate) model: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

pub(crate) fn train(args: &TrainArgs) -> Result<()> {
    let mut run = Run::new("train", &args.settings, &args.run, args.output.log.file())?;
    let own_file = model_file(args, &run.config)?;
    check_log(args.output.log.file(), own_file.as_ref().map(OutputFile::path))?;
    share_cores(1);
    run.watch_signals()?;
    run.start_log(&args.output.log)?;
    let devices = run.config.device.open(Some(NonZeroUsize::MIN))?;
    let table = run.load()?;
    let data = run.summary(&table)?;
    let (holdout, seed) = (run.config.holdout, run.config.seed);
    let fold = hold_out(&table.data, holdout, seed).map_err(|error| run.as_given(error))?;
    run.fit_to_time(&table.data, || Some(fold.clone()), &devices[0], 1)?;
    let (learner, warning) = run.learner(&table.data, [fold])?;
    let folder = run.folder(&table, &devices)?;
    let options = run.options(folder.as_ref());
    let mut fitted = train_model(&table.data, &learner, holdout, &devices[0], &options)
        .map_err(|error| run.failed(error, folder.as_ref()))?;
    let model = model(&run, &fitted, table)?;
    let path = save(&model, own_file.as_ref(), folder.as_ref())?;
    let path = path.filter(|_| !args.run.fast_dev_run);
    fitted.warnings.extend(warning);
    warn_of(&mut fitted.warnings);
    if let Some(folder) = &folder
        && !fitted.predictions.is_empty()
    {
        folder.directory().write_predictions(&fitted.predictions)?;
    }
    let report = TrainReport::new(run.config.clone(), data, fitted, path);
    if let Some(folder) = &folder {
        let directory = folder.directory();
        directory.write_results(&report)?;
        folder.finish()?;
    }
    let width = width();
    print(&if args.output.json {
        serde_json::to_string_pretty(&report)?
    } else {
        with_flags(&if args.output.details {
            format!("{report:#width$}")
        } else {
            format!("{report:width$}")
        })
    })
}

/// Writes the model to its own file or into the folder of the run, and says where it is.
fn save(model: &Model, own_file: Option<&OutputFile>, folder: Option<&Folder>) -> Result<Option<PathBuf>> {
    let bytes = model.to_bytes()?;
    if let Some(own) = own_file {
        let mut file = own.create()?;
        let written = file.write_all(&bytes);
        written.with_context(|| format!("cannot write to {}", own.path().display()))?;
        own.commit(file)?;
        return Ok(Some(own.path().to_owned()));
    }
    let Some(folder) = folder else { return Ok(None) };
    Ok(Some(folder.directory().write_model(&bytes)?))
}

/// The file of the model, if the run has no folder and is not a quick look. It is checked before the training
/// that it can be written.
fn model_file(args: &TrainArgs, config: &ValidConfig) -> Result<Option<OutputFile>> {
    let run = &args.run;
    if run.out.is_some() || run.resume.is_some() || run.fast_dev_run {
        return Ok(None);
    }
    let path = args.model.clone().unwrap_or_else(|| Path::new("model.safetensors").to_owned());
    let inputs: Vec<_> = config.data.files().into_iter().chain(args.settings.config.as_deref()).collect();
    let file = OutputFile::check("model", &path, &inputs, run.force, "expected the name of a file to write")?;
    drop(file.create()?);
    Ok(Some(file))
}

/// The trained network with all that is needed to use it.
fn model(run: &Run, fitted: &Fitted, table: Table) -> Result<Model> {
    let config = &run.config;
    let schema = Schema {
        features: table.features,
        targets: table.data.target_names().to_vec(),
        na: config.data.file.as_ref().map(|file| file.na.clone()).unwrap_or_default(),
        fills_missing: config.data.is_filled(),
        fill: config.learner().fill,
        category_means: fitted.category_means.clone(),
        feature_scaling: fitted.features.clone(),
        target_scaling: fitted.targets.clone(),
        quantiles: config.train.predicted_quantiles(),
        residuals: fitted.residuals.clone(),
    };
    let holdout = fitted.evaluation.as_ref();
    let training = Training {
        data: config.data.file.as_ref().map(|data| data.file.display().to_string()),
        rows: fitted.rows,
        epochs: fitted.validation.as_ref().map_or(fitted.epochs.len(), |validation| validation.selected),
        seed: config.seed,
        train_loss: fitted.last_train_loss(),
        objective: Some(Objective::new(&config.train, config.model.halting)),
        holdout: holdout.map(|holdout| Holdout {
            rows: fitted.predictions.len(),
            metrics: holdout.metrics,
            details: holdout.details.clone(),
            targets: holdout.targets.clone(),
        }),
    };
    Ok(Model::new(&fitted.net, schema)?.with_training(training))
}
