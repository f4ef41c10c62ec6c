//! Settings that have no effect beside the others.

use super::{CvConfig, DataConfig, DateFormat, Dates, Depths, FileConfig, ModelConfig, TrainConfig};
use crate::nn::{LayerKind, Norm};
use crate::optim::Penalised;

impl CvConfig {
    /// The keys of settings that ask for something which the others rule out, each with what is wrong.
    ///
    /// A setting that says nothing, such as an L1 penalty of 0, is not among them. What makes no sense at all
    /// is refused by [`validate`](Self::validate).
    pub(super) fn forgotten(&self) -> Vec<(&'static str, String)> {
        let Self { model, train, .. } = self;
        let rules = of_network(model).into_iter().chain(of_training(model, train)).chain(self.of_file());
        let rules = rules.chain(self.data.file.as_ref().and_then(of_dates));
        let problem = |(key, is_forgotten, why): (&'static str, bool, String)| {
            let value = self.get(key).filter(|_| is_forgotten)?;
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Some((key, format!("is {value}, which has no effect {why}")))
        };
        rules.filter_map(problem).collect()
    }

    /// How text is read, of a file that is not text.
    fn of_file(&self) -> Vec<Rule> {
        let keys = match self.data.file.as_ref().map(FileConfig::ending).as_deref() {
            Some("npy" | "npz" | "safetensors") => &OF_TEXT[..],
            // Its columns may be said to be text or numbers.
            Some("parquet") => &OF_TEXT[2..],
            _ => return Vec::new(),
        };
        let file = Some(FileConfig::default());
        let default = Self { data: DataConfig { file, ..DataConfig::default() }, ..Self::default() };
        let rule = |key: &&'static str| {
            (*key, self.get(key) != default.get(key), "on a file that is not text".to_owned())
        };
        keys.iter().map(rule).collect()
    }
}

/// The order of days and months, where no text is taken for a date.
fn of_dates(file: &FileConfig) -> Option<Rule> {
    let why = match file.ending().as_str() {
        "npy" | "npz" | "safetensors" | "parquet" => "on a file that is not text",
        _ if file.dates == Dates::Text => "where dates are text",
        _ => return None,
    };
    let is_set = matches!(file.date_format, DateFormat::DayFirst | DateFormat::MonthFirst);
    Some(("data.date_format", is_set, why.to_owned()))
}

/// The settings of text.
const OF_TEXT: [&str; 9] = [
    "data.text",
    "data.number",
    "data.na",
    "data.delimiter",
    "data.decimal",
    "data.no_header",
    "data.skip_rows",
    "data.comment",
    "data.encoding",
];

type Rule = (&'static str, bool, String);

/// Of the hidden layer, where it is never applied.
fn of_network(model: &ModelConfig) -> Vec<Rule> {
    let default = ModelConfig::default();
    let is_never = |is_set| model.max_depth == 0 && is_set;
    let why = || "on a network that never applies its hidden layer".to_owned();
    vec![
        ("model.block", is_never(model.block != default.block), why()),
        ("model.norm", is_never(model.norm != Norm::None), why()),
        ("model.dropout", is_never(model.dropout > 0.), why()),
    ]
}

fn of_training(model: &ModelConfig, train: &TrainConfig) -> Vec<Rule> {
    let TrainConfig { epochs, patience, l1, l2, weight_decay, .. } = *train;
    let has_one_depth = model.min_depth == model.max_depth;
    let in_epochs = || format!("in {epochs} epoch{}", if epochs == 1 { "" } else { "s" });
    let is_cos = matches!(model.layer, LayerKind::Cos(_));
    let on_cos = || "on cos layers, whose weights are angles".to_owned();
    let has_penalty = [weight_decay, l2, l1].iter().any(|penalty| *penalty > 0.);
    let penalises_all = train.penalise != Penalised::default();
    vec![
        (
            "train.depths",
            has_one_depth && train.depths != Depths::Uniform,
            format!("on a network of one depth, {}", model.max_depth),
        ),
        ("train.patience", patience > 0 && patience >= epochs, in_epochs()),
        ("train.weight_decay", is_cos && weight_decay > 0., on_cos()),
        ("train.l2", is_cos && l2 > 0., on_cos()),
        ("train.l1", is_cos && l1 > 0., on_cos()),
        ("train.penalise", is_cos && penalises_all, on_cos()),
        ("train.penalise", !is_cos && penalises_all && !has_penalty, "without a penalty".to_owned()),
    ]
}
