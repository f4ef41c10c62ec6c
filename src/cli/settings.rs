//! The flags of the settings.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, ValueHint};
use serde::{Serialize, Serializer};
use taper::Error;
use taper::config::{CvConfig, DeviceSpec, Recipe, Settings, keys};

use super::choices::{
    ActivationArg, BlockArg, CategoriesArg, CosInitArg, DateFormatArg, DatesArg, DepthsArg, DtypeArg,
    EngineArg, HaltingArg, LayerArg, LossArg, MissingArg, MissingTargetArg, NormArg, PenaliseArg, PriorArg,
    RecipeArg, ScaleArg, ScheduleArg, SelectArg, TargetTransformArg,
};
use super::dialect::DialectArgs;
use super::names::{self, Names};
use super::{argument, flag};

/// The settings: for each key of the configuration the flag of its name, whose help explains it.
#[derive(Debug, Args, Serialize)]
pub(crate) struct SettingArgs {
    /// The names of the arguments that the user gave.
    #[arg(skip)]
    #[serde(skip)]
    given: Vec<String>,

    /// File of settings: .toml, .yaml or .json; `taper config` prints one. Flags override it. Paths in it are
    /// those from the folder of the call
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Configuration")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,
    /// Settings that belong together; all others override them
    #[arg(long, value_name = "NAME", value_enum, help_heading = "Configuration")]
    #[serde(skip)]
    recipe: Option<RecipeArg>,
    /// Setting by its key in the configuration, as train.lr=3e-4, with a value in YAML; overrides file and
    /// flags
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Configuration")]
    #[serde(skip)]
    set: Vec<String>,

    /// File to learn instead of synthetic data: text such as .csv with a header, packed or not, .npy, or .npz
    /// or .safetensors with arrays X and y; - is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Data")]
    data: Option<PathBuf>,
    /// Columns of the file to predict; for .npy the file of the targets, for .npz and .safetensors the name
    /// of their array
    #[arg(long, value_name = "COLUMN,...", help_heading = "Data")]
    #[serde(serialize_with = "names::as_one")]
    target: Vec<Names>,
    /// Features of a synthetic row, 1 or more, or columns of the file to predict from, where it is all others
    /// by default; for .npz and .safetensors the name of their array
    #[arg(long, value_name = "N|COLUMN,...", help_heading = "Data",
          default_values_t = [Names::from(defaults().data.features)])]
    #[serde(serialize_with = "number_or_columns")]
    features: Vec<Names>,
    /// Columns of the file to leave out
    #[arg(long, value_name = "COLUMN,...", help_heading = "Data")]
    #[serde(serialize_with = "names::as_one")]
    drop: Vec<Names>,
    /// How to handle missing values of the file
    #[arg(long, value_name = "WAY", value_enum, default_value_t, help_heading = "Data")]
    missing: MissingArg,
    /// Add a feature for each column with missing values that --missing fills in, which says where they are
    #[arg(long, help_heading = "Data")]
    missing_indicator: bool,
    /// Column of the file whose equal values stay in one fold; it is not a feature
    #[arg(long, value_name = "COLUMN", help_heading = "Data")]
    group: Option<String>,
    /// Column of the file by whose numbers or dates the rows are ordered: each fold is tested on what comes
    /// after its training rows; it is not a feature
    #[arg(long, value_name = "COLUMN", help_heading = "Data")]
    order: Option<String>,
    /// How to handle rows whose target is missing
    #[arg(long, value_name = "WAY", value_enum, default_value_t, help_heading = "Data")]
    missing_target: MissingTargetArg,
    /// Texts that stand for a missing value, in place of NA, N/A, NaN, null, None, ? and their like
    #[arg(long, value_name = "TEXT,...", allow_hyphen_values = true, help_heading = "Data")]
    #[serde(serialize_with = "names::as_one")]
    na: Vec<Names>,
    /// Columns of the file that are text though their values look like numbers, such as zip codes
    #[arg(long, value_name = "COLUMN,...", help_heading = "Data")]
    #[serde(serialize_with = "names::as_one")]
    text: Vec<Names>,
    /// Columns of the file that are numbers, so that any text in them is an error
    #[arg(long, value_name = "COLUMN,...", help_heading = "Data")]
    #[serde(serialize_with = "names::as_one")]
    number: Vec<Names>,
    /// What columns of text become
    #[arg(long, value_name = "WAY", value_enum, default_value_t, help_heading = "Data")]
    categories: CategoriesArg,
    /// How to handle columns that hold only dates, such as 2024-01-31 or 2024-01-31T17:30:00Z
    #[arg(long, value_name = "WAY", value_enum, default_value_t = Recipe::Tabular.dates().into(),
          help_heading = "Data")]
    dates: DatesArg,
    /// What is first in dates such as 01/02/2024; a value above 12 in a column tells it
    #[arg(long, value_name = "ORDER", value_enum, default_value_t = Recipe::Tabular.date_format().into(),
          help_heading = "Data")]
    date_format: DateFormatArg,
    #[command(flatten)]
    #[serde(flatten)]
    dialect: DialectArgs,
    /// Whether features and targets are scaled, by what is fitted on the training rows of each fold
    #[arg(long, value_name = "WAY", value_enum, default_value_t, help_heading = "Data")]
    scale: ScaleArg,
    /// Rows of synthetic data, from 2 to 4294967295
    #[arg(long, value_name = "N", default_value_t = defaults().data.rows, help_heading = "Data",
          allow_negative_numbers = true)]
    rows: usize,
    /// Standard deviation of the noise of synthetic data, 0 or more; its square is the least mse that can be
    /// reached
    #[arg(long, value_name = "X", default_value_t = defaults().data.noise, help_heading = "Data",
          allow_hyphen_values = true)]
    noise: f64,
    /// Folds of taper cv, 2 or more, each tested once with a network trained on the others
    #[arg(long, value_name = "K", default_value_t = defaults().folds, help_heading = "Data",
          allow_negative_numbers = true)]
    folds: usize,
    /// Times that taper cv divides the rows anew and tests all folds, from 1 to 10000
    #[arg(long, value_name = "N", default_value_t = defaults().repeats, help_heading = "Data",
          allow_negative_numbers = true)]
    repeats: usize,
    /// Share of the rows that taper train keeps to test the model on, from 0 to below 1
    #[arg(long, value_name = "X", default_value_t = defaults().holdout, help_heading = "Data",
          allow_hyphen_values = true)]
    holdout: f64,
    /// Share of the truths that an interval of each prediction should cover, from 0, for no intervals, to
    /// below 1. taper cv makes them of the errors in the other folds, taper train for its model of those on
    /// the rows of --validation
    #[arg(long, value_name = "X", default_value_t = defaults().interval, help_heading = "Run",
          allow_hyphen_values = true)]
    interval: f64,

    /// Width of the hidden layer, 1 or more
    #[arg(long, value_name = "N", default_value_t = defaults().model.hidden, help_heading = "Network",
          allow_negative_numbers = true)]
    hidden: usize,
    /// Least number of times that the hidden layer is applied, from 0 to the largest
    #[arg(long, value_name = "N", default_value_t = defaults().model.min_depth, help_heading = "Network",
          allow_negative_numbers = true)]
    min_depth: usize,
    /// Largest number of times that the hidden layer is applied, from the least to 1000
    #[arg(long, value_name = "N", default_value_t = defaults().model.max_depth, help_heading = "Network",
          allow_negative_numbers = true)]
    max_depth: usize,
    /// Kind of all layers
    #[arg(long, value_name = "KIND", value_enum, default_value_t, help_heading = "Network")]
    layer: LayerArg,
    /// What the hidden layer does at each application
    #[arg(long, value_name = "KIND", value_enum, default_value_t = defaults().model.block.into(),
          help_heading = "Network")]
    block: BlockArg,
    /// Networks that are trained side by side and whose mean predicts, 1 to 256
    #[arg(long, value_name = "N", default_value_t = defaults().model.members, help_heading = "Network",
          allow_negative_numbers = true)]
    members: usize,
    /// Bins between the quantiles of each feature whose values become features of their own, so that the
    /// first layer can bend where they meet, 0 for none up to 256
    #[arg(long, value_name = "N", default_value_t = defaults().model.bins, help_heading = "Network",
          allow_negative_numbers = true)]
    bins: usize,
    /// What follows the products of the input layer and of the hidden layer, act in the help of --block
    #[arg(long, value_name = "NAME", value_enum, default_value_t, help_heading = "Network")]
    activation: ActivationArg,
    /// Add a linear function of the features to the output at every depth: its weights start as zeros, and
    /// what is linear in the data need not pass through the hidden layer
    #[arg(long, help_heading = "Network")]
    skip: bool,
    /// How the activations h are normalised before the product of each application
    #[arg(long, value_name = "NAME", value_enum, default_value_t, help_heading = "Network")]
    norm: NormArg,
    /// Share of the activations that each application drops in a training step, from 0 to below 1; the others
    /// are enlarged to make up for it
    #[arg(long, value_name = "X", default_value_t = defaults().model.dropout, help_heading = "Network",
          allow_hyphen_values = true)]
    dropout: f64,
    /// Whether the network learns how deep to go, with the loss of training expected over the depths
    #[arg(long, value_name = "HOW", value_enum, default_value_t, help_heading = "Network")]
    halting: HaltingArg,
    /// Distribution over depths that --halting begins with and is drawn to
    #[arg(long, value_name = "NAME", value_enum, default_value_t, help_heading = "Network")]
    prior: PriorArg,
    /// Probability of having stopped at which --halting lets a row go, above 0 to 1; less is faster, and with
    /// 1 every row goes through all depths
    #[arg(long, value_name = "X", default_value_t = defaults().model.exit, help_heading = "Network",
          allow_hyphen_values = true)]
    exit: f64,
    /// How the weights of cos layers start
    #[arg(long, value_name = "INIT", value_enum, default_value_t, help_heading = "Network")]
    cos_init: CosInitArg,

    /// Times that training goes through the rows, 1 or more
    #[arg(long, value_name = "N", default_value_t = defaults().train.epochs, help_heading = "Training",
          allow_negative_numbers = true)]
    epochs: usize,
    /// Most steps of all --members together, 0 for any number; they are met by fewer epochs, down to half,
    /// then by fewer members, then by fewer epochs again, but one at least
    #[arg(long, value_name = "N", default_value_t = defaults().train.max_steps, help_heading = "Training",
          allow_negative_numbers = true)]
    max_steps: u64,
    /// Rows of a training step, 1 or more
    #[arg(long, value_name = "N", default_value_t = defaults().train.batch_size, help_heading = "Training",
          allow_negative_numbers = true)]
    batch_size: usize,
    /// How the depth of a training step is chosen, from --min-depth to --max-depth
    #[arg(long, value_name = "WAY", value_enum, default_value_t, help_heading = "Training")]
    depths: DepthsArg,
    /// Positive weights of the losses of --depths all, one for each depth from --min-depth on; only their
    /// ratios count, and without any all are equal
    #[arg(
        long,
        value_name = "W,...",
        value_delimiter = ',',
        help_heading = "Training",
        allow_hyphen_values = true
    )]
    depth_weights: Vec<f64>,
    /// Learning rate of AdamW, above 0
    #[arg(long, value_name = "X", default_value_t = defaults().train.lr, help_heading = "Training",
          allow_hyphen_values = true)]
    lr: f64,
    /// How the learning rate changes over the steps of all epochs, of which --lr is the largest
    #[arg(long, value_name = "NAME", value_enum, default_value_t = defaults().train.schedule.into(),
          help_heading = "Training")]
    schedule: ScheduleArg,
    /// Share of the steps over which the learning rate rises to what the schedule says, from 0 to 1
    #[arg(long, value_name = "X", default_value_t = defaults().train.warmup, help_heading = "Training",
          allow_hyphen_values = true)]
    warmup: f64,
    /// Decoupled weight decay of AdamW, 0 or more; 0 makes it Adam. Cos layers have no penalties: their
    /// weights are angles
    #[arg(long, value_name = "X", default_value_t = defaults().train.weight_decay, help_heading = "Training",
          allow_hyphen_values = true)]
    weight_decay: f64,
    /// L2 penalty, 0 or more: it adds L2 times the weights of linear layers to their gradients
    #[arg(long, value_name = "X", default_value_t = defaults().train.l2, help_heading = "Training",
          allow_hyphen_values = true)]
    l2: f64,
    /// L1 penalty, 0 or more: weights of linear layers that matter little become exactly 0
    #[arg(long, value_name = "X", default_value_t = defaults().train.l1, help_heading = "Training",
          allow_hyphen_values = true)]
    l1: f64,
    /// Which parameters weight decay, L2 and L1 penalise
    #[arg(long, value_name = "WHICH", value_enum, default_value_t, help_heading = "Training")]
    penalise: PenaliseArg,
    /// Largest norm of the gradients of a step, all together, 0 or more, where 0 is any
    #[arg(long, value_name = "X", default_value_t = defaults().train.clip_norm, help_heading = "Training",
          allow_hyphen_values = true)]
    clip_norm: f64,
    /// Largest magnitude of an element of a gradient, 0 or more, where 0 is any
    #[arg(long, value_name = "X", default_value_t = defaults().train.clip_value, help_heading = "Training",
          allow_hyphen_values = true)]
    clip_value: f64,
    /// Decay of the average of the parameters that predicts in their place, from 0, for none, to below 1
    #[arg(long, value_name = "X", default_value_t = defaults().train.averaging, help_heading = "Training",
          allow_hyphen_values = true)]
    averaging: f64,
    /// What targets become before they are scaled and learned; predictions and errors are in their own units
    /// all the same
    #[arg(long, value_name = "NAME", value_enum, default_value_t, help_heading = "Training")]
    target_transform: TargetTransformArg,
    /// Keep predictions within the range of the training targets: what is beyond it becomes the least or the
    /// largest of these. It is for targets that are scaled
    #[arg(long, help_heading = "Training")]
    clamp: bool,
    /// What training makes small
    #[arg(long, value_name = "NAME", value_enum, default_value_t, help_heading = "Training")]
    loss: LossArg,
    /// Error up to which --loss huber is squared, above 0; of scaled targets in their standard deviations
    #[arg(long, value_name = "X", default_value_t = defaults().train.huber_delta, help_heading = "Training",
          allow_hyphen_values = true)]
    huber_delta: f64,
    /// Share of each network's training rows that is set aside to watch its training, from 0 to below 1
    #[arg(long, value_name = "X", default_value_t = defaults().train.validation, help_heading = "Training",
          allow_hyphen_values = true)]
    validation: f64,
    /// Epochs without a better loss on the rows of --validation after which training stops, 0 or more; with 0
    /// it does not
    #[arg(long, value_name = "N", default_value_t = defaults().train.patience, help_heading = "Training",
          allow_negative_numbers = true)]
    patience: usize,
    /// Share by which a loss has to be lower to be a better one for --patience, from 0 to below 1
    #[arg(long, value_name = "X", default_value_t = defaults().train.min_improvement,
          help_heading = "Training", allow_hyphen_values = true)]
    min_improvement: f64,
    /// Which network is the result of the training
    #[arg(long, value_name = "EPOCH", value_enum, default_value_t, help_heading = "Training")]
    select: SelectArg,
    /// Quantiles that --loss quantile predicts, between 0 and 1 in ascending order
    #[arg(long, value_name = "Q,...", value_delimiter = ',', help_heading = "Training",
          default_values_t = defaults().train.quantiles.levels().to_vec(), allow_hyphen_values = true)]
    quantiles: Vec<f64>,
    /// What computes the training steps; all engines give the same result up to rounding
    #[arg(long, value_name = "ENGINE", value_enum, default_value_t, help_heading = "Training")]
    engine: EngineArg,

    /// Seed of all randomness, 0 or more: the same seed gives the same result bit for bit
    #[arg(long, value_name = "N", default_value_t = defaults().seed, help_heading = "Run",
          allow_negative_numbers = true)]
    seed: u64,
    /// Device: auto, cpu, cuda, cuda:N, or cuda:N,M,... to share the folds among GPUs; auto takes a GPU if
    /// build and machine have one
    #[arg(long, value_name = "DEVICE", default_value_t, help_heading = "Run")]
    device: DeviceSpec,
    /// Type of data, parameters and arithmetic
    #[arg(long, value_name = "TYPE", value_enum, default_value_t, help_heading = "Run")]
    dtype: DtypeArg,
}

fn defaults() -> CvConfig {
    CvConfig::default()
}

/// Writes `--features` as the configuration has it: a number, or else a list of columns.
fn number_or_columns<S: Serializer>(features: &[Names], serializer: S) -> Result<S::Ok, S::Error> {
    let features = names::all(features);
    if let [one] = features.as_slice()
        && let Ok(number) = one.parse::<usize>()
    {
        return number.serialize(serializer);
    }
    features.serialize(serializer)
}

impl SettingArgs {
    /// Notes which flags the user gave: all that do not have their defaults.
    pub(crate) fn note_given(&mut self, matches: &ArgMatches) {
        let is_given = |name: &&str| matches.value_source(name) == Some(ValueSource::CommandLine);
        self.given = matches.ids().map(clap::Id::as_str).filter(is_given).map(str::to_owned).collect();
    }

    /// The settings `began` of a run to resume, or else of the file of --config, overridden by the flags that
    /// were given, overridden by `--set`.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read, a key is unknown or a `--set` is not an assignment.
    pub(crate) fn settings(&self, began: Option<Settings>) -> Result<Settings, Error> {
        if began.is_some() && self.recipe.is_some() {
            let problem = "--recipe sets what a run begins with, and the run to resume began; expected one or the other";
            return Err(Error::Settings(problem.to_owned()));
        }
        let mut settings = match (began, &self.config) {
            (Some(began), _) => began,
            (None, Some(file)) => Settings::from_file(file)?,
            (None, None) => Settings::default(),
        };
        let flags = yaml_serde::to_value(self).map_err(|error| Error::Settings(error.to_string()))?;
        for key in keys() {
            let argument = argument(key);
            if !self.given.contains(&argument) {
                continue;
            }
            // Beside a file, which comes before them among the keys, features are columns, and `--features
            // 2024` is one.
            if *key == "data.features" && settings.is_given("data.file") {
                settings.set(key, names::all(&self.features), flag)?;
            } else {
                settings.set(key, &flags[argument], flag)?;
            }
        }
        for text in &self.set {
            let assignment = text.split_once('=').map(|(key, value)| (key.trim(), value));
            let (key, value) = assignment.filter(|(key, _)| !key.is_empty()).ok_or_else(|| {
                Error::Settings(format!("--set is {text:?}, expected KEY=VALUE as in train.lr=3e-4"))
            })?;
            settings.set_text(key, value, |key| format!("--set {key}"))?;
        }
        Ok(match self.recipe {
            Some(recipe) => settings.with_recipe(recipe.into()),
            None => settings,
        })
    }
}
