//! `taper inspect`.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use taper::config::TrainConfig;
use taper::model::ModelSummary;
use taper::nn::DynamicNet;
use taper::ops::Loss;
use taper::plan::Plan;
use taper::{Error, Model};

use super::print;
use crate::cli::InspectArgs;

/// What the file says and what is in it.
#[derive(Serialize)]
struct Inspected<'a> {
    file: String,
    checksum: &'a str,
    #[serde(flatten)]
    summary: ModelSummary,
}

pub(crate) fn inspect(args: &InspectArgs) -> Result<()> {
    let model = load_model(&args.model, "MODEL")?;
    if args.plan {
        return print_plans(model.network(), args);
    }
    let summary = model.summary()?;
    let file = args.model.display().to_string();
    if args.json {
        return print(&serde_json::to_string_pretty(&Inspected { file, checksum: "matches", summary })?);
    }
    print(&format!("{file}: a model of taper, whole by its checksum\n{summary}"))
}

/// Prints the network's training step at each depth and its prediction.
fn print_plans(net: &DynamicNet, args: &InspectArgs) -> Result<()> {
    let (rows, optimizer) = (args.rows.get(), TrainConfig::default().optimizer());
    let step = |depth| Plan::training_step(net, depth, rows, Loss::default(), &optimizer);
    let mut plans = net.depths().map(step).collect::<Result<Vec<_>, _>>()?;
    plans.push(Plan::prediction(net, rows)?);
    if args.json {
        return print(&serde_json::to_string_pretty(&plans)?);
    }
    let tables: Vec<_> = plans.iter().map(Plan::to_string).collect();
    print(&tables.join("\n\n"))
}

/// Loads the model in the file that the argument `name` says. That there is none is a wrong call.
pub(super) fn load_model(path: &Path, name: &str) -> Result<Model, Error> {
    Model::load(path).map_err(|error| match error {
        Error::File { path, reason, .. } => {
            Error::Settings(format!("{name} is {}, which cannot be read: {reason}", path.display()))
        }
        error => error,
    })
}
