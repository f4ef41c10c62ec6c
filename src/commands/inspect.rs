//! `taper inspect`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use taper::config::{LossName, TrainConfig};
use taper::model::{ModelSummary, Objective, TrainedDepths};
use taper::plan::Plan;
use taper::{Error, Model};
use tracing::warn;

use super::cores::share_cores;
use super::output::{print, width};
use crate::cli::LogArgs;

/// The flags of `taper inspect`.
#[derive(Debug, Args)]
#[command(
    long_about = "Print what is in a trained model\n\nIts network, the columns and categories that it was trained on, \
                  how they are scaled, its targets, facts about its training, and its tensors with their ranges. A file \
                  that is damaged, cut off or not a model is refused with what is wrong, and exit code 1.",
    after_help = concat!("Examples:\n  taper inspect model.safetensors\n  taper inspect model.safetensors --json\n  \
                  taper inspect model.safetensors --plan --rows 256", "\n\n", exit_codes!())
)]
pub(crate) struct InspectArgs {
    /// Model that `taper train` has written
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Print the network as instructions instead: a training step, at each depth if it is drawn, and the
    /// prediction, with what they cost
    #[arg(long)]
    plan: bool,
    /// Rows of the batch that --plan counts for
    #[arg(long, value_name = "N", default_value_t = 64, requires = "plan",
          value_parser = clap::value_parser!(u32).range(1..))]
    rows: u32,
    /// Print one JSON document instead of tables
    #[arg(long)]
    pub(crate) json: bool,
}

/// The document of --json.
#[derive(Serialize)]
struct Inspected<'a> {
    file: String,
    checksum: &'a str,
    #[serde(flatten)]
    summary: ModelSummary,
}

pub(crate) fn inspect(args: &InspectArgs) -> Result<()> {
    share_cores(1);
    let model = load_model(&args.model, "MODEL")?;
    if args.plan {
        return print_plans(&model, args);
    }
    let summary = model.summary()?;
    let file = args.model.display().to_string();
    if args.json {
        return print(&serde_json::to_string_pretty(&Inspected { file, checksum: "matches", summary })?);
    }
    print(&format!("{file}: a model of taper, whole by its checksum\n{summary}"))
}

/// Prints the network's training step, at each depth if it is drawn, and its prediction.
fn print_plans(model: &Model, args: &InspectArgs) -> Result<()> {
    let (net, objective) = (model.network(), objective(model)?);
    let (rows, loss) = (args.rows as usize, objective.loss(model.schema().quantiles));
    let optimizer = TrainConfig::default().updates(&net.spec().model).optimizer;
    let mut plans = match objective.depths {
        TrainedDepths::Uniform | TrainedDepths::Poisson => {
            let step = |depth| Plan::training_step(net, depth, rows, loss, &optimizer);
            net.depths().map(step).collect::<Result<Vec<_>, _>>()?
        }
        TrainedDepths::All | TrainedDepths::Learned => {
            let weights = &objective.depth_weights;
            vec![Plan::training_step_at_all_depths(net, weights, rows, loss, &optimizer)?]
        }
    };
    plans.push(Plan::prediction(net, rows)?);
    if args.json {
        return print(&serde_json::to_string_pretty(&plans)?);
    }
    let width = width();
    let tables: Vec<_> = plans.iter().map(|plan| format!("{plan:width$}")).collect();
    print(&tables.join("\n\n"))
}

/// What the training of `model` made small. Where it does not say so, which is then said, it is what it was
/// by default.
fn objective(model: &Model) -> Result<Objective, Error> {
    if let Some(objective) = model.training().and_then(|training| training.objective.clone()) {
        return Ok(objective);
    }
    let loss = model.schema().quantiles.map_or(LossName::Mse, |_| LossName::Quantile);
    let train = TrainConfig { loss, ..TrainConfig::default() };
    let assumed = Objective::new(&train, model.network().spec().model.halting);
    LogArgs::default().start()?;
    warn!("the model does not say how it was trained, which is taken to be {assumed}");
    Ok(assumed)
}

/// Loads the model in the file that the argument `name` names. A missing file is a wrong call.
pub(super) fn load_model(path: &Path, name: &str) -> Result<Model, Error> {
    Model::load(path).map_err(|error| match error {
        Error::File { path, reason, .. } => {
            Error::Settings(format!("{name} is {}, which cannot be read: {reason}", path.display()))
        }
        error => error,
    })
}
