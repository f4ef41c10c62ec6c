//! The contents of a model, as text and as JSON.

use std::fmt;

use candle_core::DType;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use serde::Serialize;

use super::network::Network;
use super::{Model, Schema, Training};
use crate::config::Fill;
use crate::data::{Scaling, Transform};
use crate::error::Result;
use crate::metrics::{Details, Metrics};
use crate::nn::{DynamicNetSpec, ModelConfig};
use crate::stats;
use crate::text::{list, number};

/// The contents of a model. Its `Display` is a text with tables, its `Serialize` the document of `taper
/// inspect --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelSummary {
    /// The version of its file format.
    pub format: u32,
    /// The version of taper that made it.
    pub taper: String,
    network: Network,
    /// The number of parameters.
    pub parameters: usize,
    /// What it knows about its data.
    pub schema: Schema,
    /// How it was trained.
    pub training: Option<Training>,
    /// Its tensors, by name: the parameters, and the statistics of a batch norm.
    pub tensors: Vec<TensorSummary>,
}

/// Statistics of a tensor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TensorSummary {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The smallest element.
    pub min: f64,
    /// The largest element.
    pub max: f64,
    /// The mean of the elements.
    pub mean: f64,
    /// The standard deviation of the elements as a population.
    pub std: f64,
}

impl Model {
    /// Summarises the model.
    ///
    /// # Errors
    ///
    /// Fails when Candle cannot read a parameter.
    pub fn summary(&self) -> Result<ModelSummary> {
        let learned = self.net.named_parameters().filter(|(name, _)| !name.starts_with("encoding."));
        let mut tensors = Vec::new();
        for (name, tensor) in &self.tensors {
            let values: Vec<f64> = tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?;
            tensors.push(TensorSummary {
                name: name.clone(),
                shape: tensor.dims().to_vec(),
                min: values.iter().copied().fold(f64::INFINITY, f64::min),
                max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                mean: stats::mean(&values),
                std: stats::population_std(&values),
            });
        }
        Ok(ModelSummary {
            format: self.format(),
            taper: self.taper.clone(),
            network: self.network.clone(),
            parameters: learned.map(|(_, parameter)| parameter.elem_count()).sum(),
            schema: self.schema.clone(),
            training: self.training.clone(),
            tensors,
        })
    }
}

impl fmt::Display for ModelSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Network { spec: DynamicNetSpec { in_features, out_features, model, .. }, dtype } = &self.network;
        let ModelConfig { hidden, min_depth, max_depth, .. } = model;
        writeln!(f, "format {}, made by taper {}", self.format, self.taper)?;
        writeln!(
            f,
            "network: {in_features} -> {hidden} -> {out_features}, {}, {:?}, \
             depths {min_depth} to {max_depth}, {} parameters",
            model.layers(),
            DType::from(*dtype),
            self.parameters
        )?;
        if let Some(training) = &self.training {
            write_training(training, f)?;
        }
        if let Some(quantiles) = self.schema.quantiles {
            let levels: Vec<_> = quantiles.levels().iter().map(f64::to_string).collect();
            writeln!(f, "quantiles of each target: {}", levels.join(", "))?;
        }
        let missing = match (self.schema.fills_missing, self.schema.fill) {
            (false, _) => "are refused",
            (true, Fill::Mean) => "become the means below",
            (true, Fill::Median) => "become the medians below",
        };
        let na = &self.schema.na;
        let which = if na.is_empty() { String::new() } else { format!(" (empty, {})", list(na)) };
        writeln!(f, "missing values{which}: {missing}")?;
        write!(f, "\n{}\n\n{}\n\n{}", self.features(), self.targets(), self.tensors())
    }
}

impl ModelSummary {
    /// Whether numbers are clipped smoothly, for the input layer or for all of the network.
    fn is_clipped(&self) -> bool {
        self.tensors.iter().any(|tensor| tensor.name == "encoding.bend")
            || self.schema.feature_scaling.as_ref().is_some_and(Scaling::is_clipped)
    }

    /// A row for each column of features.
    fn features(&self) -> Table {
        let fill = if self.schema.fill == Fill::Mean { "mean" } else { "median" };
        let mut table = table(["feature", "kind", fill, "scale"]);
        let scaling = scalings(self.schema.feature_scaling.as_ref());
        let mut at = 0;
        for column in &self.schema.features {
            // The shares of categories would not help in a table.
            let (kind, scaling) = match column.categories.as_slice() {
                [] if !column.dates.is_empty() => {
                    let parts: Vec<_> = column.dates.iter().map(|part| part.name().to_owned()).collect();
                    let first = column.date_order.first();
                    let order = first.map_or(String::new(), |first| format!(", {first} first"));
                    (format!("dates{order}: {}", list(&parts)), None)
                }
                [] => ("number".to_owned(), scaling.get(at)),
                categories if column.target_means > 0 => {
                    (format!("text, as means of the target: {}", list(categories)), None)
                }
                categories => (format!("text: {}", list(categories)), None),
            };
            let is_clipped = column.is_number() && self.is_clipped();
            let kind = if is_clipped { format!("{kind}, clipped smoothly") } else { kind };
            let is_by_quantiles = column.is_number()
                && self.schema.feature_scaling.as_ref().is_some_and(Scaling::is_by_quantiles);
            let kind = if is_by_quantiles { format!("{kind}, by quantiles") } else { kind };
            let kind = if column.marks_missing { format!("{kind}; and whether it is missing") } else { kind };
            let [mean, scale] = in_table(scaling);
            table.add_row([column.name.clone(), kind, mean, scale]);
            at += column.width();
        }
        table
    }

    fn targets(&self) -> Table {
        let target_scaling = self.schema.target_scaling.as_ref();
        let transforms: Vec<_> = target_scaling.into_iter().flat_map(Scaling::transforms).collect();
        // Those of transformed targets are of what they are transformed to.
        let is_any = transforms.iter().any(Option::is_some);
        let mut table = table(["target", "mean", "scale"]);
        if is_any {
            table.set_header(["target", "transform", "mean", "scale"]);
        }
        let scaling = scalings(target_scaling);
        for (i, name) in self.schema.targets.iter().enumerate() {
            let [mean, scale] = in_table(scaling.get(i));
            let transform = match transforms.get(i).copied().flatten() {
                Some(Transform::Log) => "log".to_owned(),
                Some(Transform::YeoJohnson { lambda }) => format!("yeo-johnson of {lambda:.5}"),
                None => "-".to_owned(),
            };
            let transform = is_any.then_some(transform);
            table.add_row([name.clone()].into_iter().chain(transform).chain([mean, scale]));
        }
        table
    }

    fn tensors(&self) -> Table {
        let mut table = table(["tensor", "shape", "min", "max", "mean", "std"]);
        for TensorSummary { name, shape, min, max, mean, std } in &self.tensors {
            let numbers = [min, max, mean, std].map(|value| number(*value));
            table.add_row([name.clone(), format!("{shape:?}")].into_iter().chain(numbers));
        }
        table
    }
}

/// Writes the lines about the training.
fn write_training(training: &Training, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Training { data, rows, epochs, seed, train_loss, objective, holdout } = training;
    let data = data.as_deref().unwrap_or("synthetic data");
    write!(f, "training: {rows} rows of {data}, {epochs} epochs, seed {seed}")?;
    if let Some(objective) = objective {
        write!(f, ", {objective}")?;
    }
    if let Some(loss) = train_loss {
        write!(f, ", loss {} in the last epoch", number(*loss))?;
    }
    writeln!(f)?;
    if let Some(holdout) = holdout {
        writeln!(f, "{} rows held out: {}", holdout.rows, errors(&holdout.metrics, &holdout.details))?;
        if let [_, _, ..] = holdout.targets.as_slice() {
            for target in &holdout.targets {
                writeln!(f, "  {}: {}", target.target, errors(&target.metrics, &target.details))?;
            }
        }
    }
    Ok(())
}

/// The errors in a line.
fn errors(metrics: &Metrics, details: &Details) -> String {
    let Metrics { mse, rmse, mae, r2 } = *metrics;
    let r2 = r2.map_or(String::new(), |r2| format!(", r2 {r2:.5}"));
    let median = details.median_ae.map_or(String::new(), |median| format!(", median ae {}", number(median)));
    let spearman = details.spearman.map_or(String::new(), |rank| format!(", spearman {rank:.5}"));
    format!("mse {}, rmse {}, mae {}{r2}{median}{spearman}", number(mse), number(rmse), number(mae))
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(header);
    table
}

/// The mean and the scale of each feature or target, none where they are not scaled.
fn scalings(scaling: Option<&Scaling>) -> Vec<[f64; 2]> {
    let pairs = |scaling: &Scaling| {
        scaling.fills().zip(scaling.scales()).map(|(mean, scale)| [mean, scale]).collect()
    };
    scaling.map(pairs).unwrap_or_default()
}

/// The mean and the scale of one of them as the table has them.
fn in_table(scaling: Option<&[f64; 2]>) -> [String; 2] {
    scaling.map_or_else(|| ["-".to_owned(), "-".to_owned()], |numbers| numbers.map(number))
}
