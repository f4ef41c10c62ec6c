//! `taper train`.

use std::iter;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Result;
use taper::config::ValidConfig;
use taper::data::Table;
use taper::model::{Holdout, Model, Schema, Training};
use taper::report::TrainReport;
use taper::run::{MODEL, PREDICTIONS, RESULTS};
use taper::storage::AtomicFile;
use taper::{Fitted, holdout, train_model};

use super::run::Run;
use super::{load, output_file, print, share_cores};
use crate::cli::TrainArgs;

pub(crate) fn train(args: &TrainArgs) -> Result<()> {
    let run = Run::new("train", &args.settings, &args.run)?;
    let own_file = model_file(args, &run.config)?;
    share_cores(1);
    args.output.log.start()?;
    let devices = run.config.device.open(Some(NonZeroUsize::MIN))?;
    let table = load(&run.config).map_err(|error| run.as_given(error))?;
    let folder = run.folder(&devices, || holdout(&run.config, &table.data).map(drop))?;
    let options = run.options(folder.as_ref())?;
    let mut fitted = train_model(&run.config, &table.data, &devices[0], &options)
        .map_err(|error| run.failed(error, folder.as_ref()))?;
    fitted.predictions = fitted.predictions.named(table.targets.clone())?;
    let model = model(&run, &fitted, table)?;
    let in_folder = folder.as_ref().map(|folder| folder.directory().path().join(MODEL));
    let path = own_file.or(in_folder).unwrap_or_else(|| MODEL.into());
    model.save(&path)?;
    let report = TrainReport::new(run.config.clone(), &fitted, (!args.run.fast_dev_run).then_some(path));
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

/// The file of the model where there is no folder for the run. That it cannot be written shows before the training.
fn model_file(args: &TrainArgs, config: &ValidConfig) -> Result<Option<PathBuf>> {
    let run = &args.run;
    if run.out.is_some() || run.resume.is_some() || run.fast_dev_run {
        return Ok(None);
    }
    let path = args.model.clone().unwrap_or_else(|| Path::new(MODEL).to_owned());
    // For .npy the targets are files, too; names of columns do no harm here.
    let data = config.data.file.as_ref();
    let data = data.map(|data| iter::once(data.file.as_path()).chain(data.target.iter().map(Path::new)));
    let inputs: Vec<_> = data.into_iter().flatten().chain(args.settings.config.as_deref()).collect();
    let path = output_file::check("model", &path, &inputs, run.force, "expected the name of one to write")?;
    drop(AtomicFile::create(&path)?);
    Ok(Some(path))
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
