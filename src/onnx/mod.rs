//! A trained model as an ONNX graph, which other programs run without taper.
//!
//! The graph takes the columns of a table as they are in its file, and gives the targets in their own units:
//! the preparation of the columns, the network and the units of the targets are all part of it. The network
//! is translated from its [plan](crate::plan), whose instructions become a few nodes each, so that what can
//! be predicted can be exported.
//!
//! | | |
//! |---|---|
//! | inputs | one for each column of features, of its name: (N, 1) of doubles, NaN where a value is missing, or of strings; of dates the seconds since 1970-01-01 00:00 UTC |
//! | outputs | one for each target, of its name: (N, 1) of doubles; of a model of quantiles besides one for each, such as `price_q0.1` |
//! | operators | those of ONNX 1.12 (opset 17, and 3 of `ai.onnx.ml`) |
//! | metadata | `sha256` of the model's file, `targets`, `dates` (the inputs that are such), `missing`, `unknown` |
//!
//! Strings are taken for categories and for missing values as in a file, but without spaces around them. The
//! numbers are those of [`Model::predict`] but for the rounding of sums in another order.

#![allow(clippy::cast_possible_wrap, reason = "ONNX has sizes as signed numbers, and none is 2^63")]

mod dates;
mod features;
mod graph;
mod message;
mod network;
mod targets;
mod transform;

use std::collections::HashSet;
use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data::{Column, Scaling, Unknown};
use crate::error::{Error, Result};
use crate::model::{MissingRows, Model};
use crate::run::quantile_column;
use crate::text::one_line;
use features::Features;
use graph::Graph;

/// What a graph makes of rows that the model was not trained for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExportOptions {
    /// How missing values are handled. As no graph can refuse a number, `Trained` is `Empty` where the model
    /// fills none in, and `Error` cannot be had: such rows have the prediction NaN.
    pub missing: MissingRows,
    /// How a text that its column did not have in training is handled.
    pub unknown: Unknown,
}

/// A model as a graph.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exported {
    /// The names of the inputs, and whether they are strings.
    pub inputs: Vec<Input>,
    /// The names of the outputs.
    pub outputs: Vec<String>,
    /// The content of the .onnx file.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// An input of a graph, (N, 1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// That of its column.
    pub name: String,
    /// `double`, or `string` where the column has categories.
    pub r#type: String,
    /// What the numbers are where they are not those of the file: of dates the seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// Whether missing values are filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gaps {
    Mean,
    /// Rows with one have no prediction.
    Nan,
}

/// The inputs and the outputs, a line for each.
impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Input { name, r#type, unit } in &self.inputs {
            let unit = unit.as_ref().map_or(String::new(), |unit| format!(", {unit}"));
            writeln!(f, "input   {type:6} (N, 1)  {}{unit}", one_line(name))?;
        }
        let outputs = self.outputs.iter().map(|name| format!("output  double (N, 1)  {}", one_line(name)));
        f.write_str(&outputs.collect::<Vec<_>>().join("\n"))
    }
}

impl Model {
    /// The model as an ONNX graph, as [`onnx`](crate::onnx) describes it.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] of the key `missing` when missing values are to be refused, or filled
    /// with means that the model does not know, and with [`Error::Data`] when a quantile's output would be
    /// called like another column, and when the model scales numbers by their quantiles.
    ///
    /// # Examples
    ///
    /// ```
    /// # use candle_core::{DType, Device};
    /// # use candle_nn::VarMap;
    /// # use taper::config::ModelConfig;
    /// # use taper::model::{Model, Schema};
    /// # use taper::nn::{DynamicNet, seeded_builder};
    /// # use taper::random::{Stream, generator};
    /// use taper::onnx::ExportOptions;
    ///
    /// # let vb = seeded_builder(&VarMap::new(), generator(1, Stream::Init, 0), DType::F32, &Device::Cpu);
    /// # let net = DynamicNet::new(&ModelConfig::default().network(2, 1), vb)?;
    /// # let model = Model::new(&net, Schema::unnamed(2, 1))?;
    /// let exported = model.to_onnx(ExportOptions::default())?;
    /// assert_eq!((exported.inputs[1].name.as_str(), exported.outputs), ("x1", vec!["y".to_owned()]));
    /// # Ok::<(), taper::Error>(())
    /// ```
    pub fn to_onnx(&self, options: ExportOptions) -> Result<Exported> {
        if self.schema().feature_scaling.iter().flat_map(Scaling::curves).any(|curve| curve.is_some()) {
            return Err(Error::data("the model", "has transformed features, expected none but targets"));
        }
        if self.schema().feature_scaling.as_ref().is_some_and(Scaling::is_by_quantiles) {
            let problem = "scales numbers by their quantiles, which cannot be exported yet";
            return Err(Error::data("the model", problem));
        }
        let gaps = self.gaps(options.missing)?;
        let outputs = self.named_outputs()?;
        let columns = self.schema().features.iter();
        let kept = columns.map(|column| &column.name).chain(outputs.iter().map(|(name, _)| name));
        let mut graph = Graph::new(kept.cloned());
        let Features { x, incomplete } = features::features(&mut graph, self, gaps, options.unknown);
        let all = network::outputs(&mut graph, self.network(), x)?;
        let mean = targets::mean(&mut graph, self.network(), &all)?;
        let y = targets::in_units(&mut graph, self, &mean, incomplete.as_ref());
        targets::name(&mut graph, &y, &outputs);
        let mut inputs = Vec::new();
        for column in &self.schema().features {
            let of = if column.categories.is_empty() { "double" } else { "string" };
            let unit = is_date(column).then(|| dates::UNIT.to_owned());
            inputs.push(Input { name: column.name.clone(), r#type: of.to_owned(), unit });
        }
        Ok(Exported {
            inputs,
            outputs: outputs.into_iter().map(|(name, _)| name).collect(),
            bytes: graph.into_model(self.taper_version(), self.facts(gaps, options.unknown)?),
        })
    }

    /// Whether the graph fills missing values in.
    fn gaps(&self, missing: MissingRows) -> Result<Gaps> {
        let is_filled = match missing {
            MissingRows::Trained => self.schema().fills_missing,
            MissingRows::Mean => self.clone().filling_missing().map(|_| true)?,
            MissingRows::Empty => false,
            MissingRows::Error => {
                let problem = "is error, and a graph cannot refuse a number; expected `missing=empty` or `missing=mean`";
                return Err(Error::config("missing", problem));
            }
        };
        Ok(if is_filled { Gaps::Mean } else { Gaps::Nan })
    }

    /// The outputs of the graph, and the number of each among those of the network.
    fn named_outputs(&self) -> Result<Vec<(String, usize)>> {
        let schema = self.schema();
        let quantiles = schema.quantiles;
        let (each, point) = quantiles.map_or((1, 0), |quantiles| (quantiles.len(), quantiles.point()));
        let targets = schema.targets.iter().enumerate();
        let mut names: Vec<_> = targets.clone().map(|(i, name)| (name.clone(), i * each + point)).collect();
        for (i, target) in targets {
            let levels = quantiles.map(Vec::<f64>::from).unwrap_or_default();
            let named = |(place, level): (usize, &f64)| (quantile_column(target, *level), i * each + place);
            names.extend(levels.iter().enumerate().map(named));
        }
        let mut taken: HashSet<_> = schema.features.iter().map(|column| &column.name).collect();
        match names.iter().find(|(name, _)| !taken.insert(name)) {
            None => Ok(names),
            Some((name, _)) => {
                let problem = format!("has a column and a quantile that are both called '{name}'");
                Err(Error::data("the model", problem))
            }
        }
    }

    /// What the file says about the model.
    fn facts(&self, gaps: Gaps, unknown: Unknown) -> Result<Vec<(&'static str, String)>> {
        let mut sum = String::new();
        for byte in Sha256::digest(self.to_bytes()?) {
            // Writing to a string does not fail.
            let _ = write!(sum, "{byte:02x}");
        }
        let unknown = match unknown {
            Unknown::Error => "error",
            Unknown::Zeros => "zeros",
            Unknown::Missing => "missing",
        };
        let names = |names: &[&String]| serde_json::to_string(names).map_err(candle_core::Error::wrap);
        let schema = self.schema();
        let targets = names(&schema.targets.iter().collect::<Vec<_>>())?;
        let dates = schema.features.iter().filter(|column| is_date(column)).map(|column| &column.name);
        let dates = names(&dates.collect::<Vec<_>>())?;
        let missing = if gaps == Gaps::Mean { "mean" } else { "nan" };
        Ok(vec![
            ("sha256", sum),
            ("targets", targets),
            ("dates", dates),
            ("missing", missing.to_owned()),
            ("unknown", unknown.to_owned()),
        ])
    }
}

fn is_date(column: &Column) -> bool {
    !column.dates.is_empty()
}
