//! `taper train`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Result;
use taper::Error;
use taper::data::Table;
use taper::model::{Holdout, Model, Schema, Training};
use taper::report::TrainReport;
use taper::run::{MODEL, PREDICTIONS, RESULTS};
use taper::{Fitted, train_model};

use super::run::Run;
use super::{load, print, share_cores};
use crate::cli::TrainArgs;

pub(crate) fn train(args: &TrainArgs) -> Result<()> {
    let run = Run::new("train", &args.settings, &args.run)?;
    let own_file = model_file(args)?;
    share_cores(1);
    args.output.log.start()?;
    let devices = run.config.device.open(Some(NonZeroUsize::MIN))?;
    let table = load(&run.config).map_err(|error| run.as_given(error))?;
    let folder = run.folder(&devices)?;
    let options = run.options(folder.as_ref())?;
    let mut fitted = train_model(&run.config, &table.data, &devices[0], &options)
        .map_err(|error| run.failed(error, folder.as_ref()))?;
    fitted.predictions = fitted.predictions.named(table.targets.clone())?;
    let model = model(&run, &fitted, table)?;
    let path = folder.as_ref().map_or(own_file, |folder| folder.directory().path().join(MODEL));
    model.save(&path)?;
    let report = TrainReport::new(run.config.clone(), &fitted, path);
    if let Some(folder) = &folder {
        let directory = folder.directory();
        directory.write_json(RESULTS, &report)?;
        if !fitted.predictions.is_empty() {
            directory.write_predictions(PREDICTIONS, &fitted.predictions)?;
        }
        folder.finish()?;
    }
    print(&if args.output.json { serde_json::to_string_pretty(&report)? } else { report.to_string() })
}

/// The file of the model where there is no folder for the run.
fn model_file(args: &TrainArgs) -> Result<PathBuf> {
    let run = &args.run;
    let path = args.model.clone().unwrap_or_else(|| Path::new(MODEL).to_owned());
    let has_folder = run.out.is_some() || run.resume.is_some() || run.fast_dev_run;
    if path.exists() && !has_folder && !run.force {
        let problem = format!("is {}, which exists; --force replaces it", path.display());
        return Err(Error::Config { key: "model", problem }.into());
    }
    Ok(path)
}

/// The trained network with all that is needed to use it.
fn model(run: &Run, fitted: &Fitted, table: Table) -> Result<Model> {
    let config = &run.config;
    let schema = Schema {
        features: table.features,
        targets: table.targets,
        fills_missing: config.data.is_filled(),
        feature_scaling: fitted.features.clone(),
        target_scaling: fitted.targets.clone(),
    };
    let holdout = fitted.evaluation.as_ref();
    let training = Training {
        data: config.data.file.as_ref().map(|data| data.file.display().to_string()),
        rows: table.data.rows() - fitted.predictions.len(),
        epochs: fitted.epochs.len(),
        seed: config.seed,
        train_mse: fitted.epochs.last().map(|epoch| epoch.train_mse),
        holdout: holdout.map(|holdout| Holdout { rows: fitted.predictions.len(), metrics: holdout.mean }),
    };
    Ok(Model::new(&fitted.net, schema)?.with_training(training))
}
