//! The predictions of a file's rows, block by block.

use std::path::Path;

use candle_core::{Device, Tensor};
use csv::Writer;

use super::Model;
use crate::config::Dialect;
use crate::data::{Block, Column, RowOptions, RowReader, Unknown};
use crate::error::{Error, Result};
use crate::ops::Quantiles;
use crate::plan::Prediction;
use crate::run::{interval_columns, quantile_column};

/// The most rows of a block.
const ROWS: usize = 4096;
/// The most numbers of a block of more than one row.
const NUMBERS: usize = 1 << 18;

/// What [`Model::predict_file`] writes for each row, and how it handles irregular ones.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PredictOptions {
    /// Which outputs are written.
    pub outputs: Outputs,
    /// How missing values are handled.
    pub missing: MissingRows,
    /// How a text that its column did not have in training is handled.
    pub unknown: Unknown,
    /// How a file of text is written.
    pub dialect: Dialect,
    /// Columns of a text file to copy beside the predictions.
    pub keep: Vec<String>,
    /// Whether the depth is written at which each row exits from a network that learns its depths.
    pub exits: bool,
    /// The share of the truths that intervals of the predictions should cover; without it none are written.
    pub interval: Option<f64>,
}

/// Which of a network's outputs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outputs {
    /// The prediction, which is the mean over all depths: `prediction`.
    #[default]
    Mean,
    /// The prediction and the output at every depth: `prediction`, `depth_1`, `depth_2`, ....
    All,
    /// The output at one depth, for example `depth_2`.
    Depth(usize),
}

/// How rows with a missing value are handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingRows {
    /// As in training: `Mean` if the model fills missing values, else `Error`.
    #[default]
    Trained,
    /// They are errors.
    Error,
    /// A missing value becomes the training mean of its feature.
    Mean,
    /// They have no prediction.
    Empty,
}

/// The predictions of a file's rows as CSV text, block by block. See [`Model::predict_file`].
pub struct FilePredictions<'a> {
    model: &'a Model,
    options: &'a PredictOptions,
    rows: RowReader<'a>,
    is_begun: bool,
    counts: Counts,
}

/// How many rows and values of each kind there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// The rows written.
    pub rows: usize,
    /// Those of them without a prediction, since a value is missing.
    pub empty: usize,
    /// The texts that their columns did not have in training.
    pub unknown: usize,
    /// The predictions that are not finite.
    pub not_finite: usize,
}

impl Model {
    /// Begins to predict the rows of a file of any size in the memory of one block. Its columns are found as
    /// by [`RowReader`].
    ///
    /// A column is called `prediction` or `depth_2`, or `prediction:price` if the model has several targets.
    /// Where it predicts quantiles their columns come last, such as `price_q0.1`, but not beside the output
    /// at one depth. Then come the ends of intervals, such as `price_lower` and `price_upper`, if they are wanted,
    /// and behind all is `exit`, the depth at which a row exits, if it is.
    /// Numbers are written with the fewest digits that read back as the same `f64`.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] when the file cannot be read, when it lacks a column to keep, or when the
    /// model lacks the depth, the exits, the errors for intervals or the means to fill in, and with [`Error::Data`] when the file lacks one of the
    /// model's columns.
    ///
    /// # Examples
    ///
    /// ```
    /// # use candle_core::{DType, Device};
    /// # use candle_nn::VarMap;
    /// # use taper::config::ModelConfig;
    /// # use taper::model::{Model, Outputs, PredictOptions, Schema};
    /// # use taper::nn::{DynamicNet, seeded_builder};
    /// # use taper::random::{Stream, generator};
    /// # let vb = seeded_builder(&VarMap::new(), generator(1, Stream::Init, 0), DType::F32, &Device::Cpu);
    /// # let net = DynamicNet::new(&ModelConfig::default().network(2, 1), vb)?;
    /// # let model = Model::new(&net, Schema::unnamed(2, 1))?;
    /// # let file = std::env::temp_dir().join(format!("taper-predict-file-{}.csv", std::process::id()));
    /// std::fs::write(&file, "x1,x0\n1,2\n3,4\n5,6\n")?;
    /// let options = PredictOptions { outputs: Outputs::All, ..PredictOptions::default() };
    /// let mut predictions = model.predict_file(&file, &options)?;
    /// let mut text = Vec::new();
    /// while let Some(block) = predictions.next_block()? {
    ///     text.extend(block);
    /// }
    /// assert!(text.starts_with(b"prediction,depth_1,depth_2,depth_3,depth_4\n"));
    /// assert_eq!(predictions.counts().rows, 3);
    /// # std::fs::remove_file(file)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn predict_file<'a>(
        &'a self,
        file: &'a Path,
        options: &'a PredictOptions,
    ) -> Result<FilePredictions<'a>> {
        let depths = self.network().depths();
        if let Outputs::Depth(depth) = options.outputs
            && !depths.contains(&depth)
        {
            let (first, last) = depths.into_inner();
            let problem =
                format!("is {depth}, expected mean, all or a depth of the model, {first} to {last}");
            return Err(Error::config("depth", problem));
        }
        if options.exits && !self.predictor.has_exits() {
            let problem = "needs a model that has learned its depths, as `model.halting` lets it";
            return Err(Error::config("exits", problem));
        }
        if let Some(level) = options.interval {
            self.check_interval(level)?;
            if let Outputs::Depth(_) = options.outputs {
                let problem =
                    "is of the prediction, and not of the output at one depth; expected --depth mean or all";
                return Err(Error::config("interval", problem));
            }
        }
        let keep = options.keep.clone();
        let row_options = self.row_options(options.missing, options.unknown, options.dialect)?;
        let row_options = RowOptions { keep, ..row_options };
        let rows = RowReader::open(file, &self.schema.features, self.dtype(), row_options)?;
        let predictions =
            FilePredictions { model: self, options, rows, is_begun: false, counts: Counts::default() };
        if let Some(name) = options.keep.iter().find(|name| predictions.names().contains(name)) {
            let problem = format!("is '{name}', which is the name of a column of predictions");
            return Err(Error::config("keep", problem));
        }
        Ok(predictions)
    }
}

impl Model {
    /// How many rows are predicted at a time, so that they and their outputs take little memory.
    pub(super) fn rows_of_block(&self) -> usize {
        let (spec, depths) = (&self.network.spec, self.network.spec.depths().count() + 1);
        (NUMBERS / spec.in_features.max(depths * spec.out_features)).clamp(1, ROWS)
    }

    /// How rows of a file are read. Missing features that are filled in or left out become NaN.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] of the key `missing` when the model does not know the means to fill in.
    pub(super) fn row_options(
        &self,
        missing: MissingRows,
        unknown: Unknown,
        dialect: Dialect,
    ) -> Result<RowOptions> {
        let allow_missing = match missing {
            MissingRows::Trained => self.schema.fills_missing,
            MissingRows::Error => false,
            MissingRows::Mean => self.check_means().map(|()| true)?,
            MissingRows::Empty => true,
        };
        let na = self.schema.na.clone();
        Ok(RowOptions { allow_missing, unknown, na, dialect, ..RowOptions::default() })
    }
}

impl FilePredictions<'_> {
    /// The next lines of the text, which begins with the header, or `None` at the end.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Data`] when a row or a field is invalid.
    pub fn next_block(&mut self) -> Result<Option<Vec<u8>>> {
        let block = self.rows.next_block(self.model.rows_of_block())?;
        if block.is_none() && self.is_begun {
            return Ok(None);
        }
        let mut text = Writer::from_writer(Vec::new());
        if !self.is_begun {
            self.is_begun = true;
            text.write_record(self.options.keep.iter().chain(&self.names())).map_err(unwritten)?;
        }
        if let Some(block) = block {
            self.write(&block, &mut text)?;
        }
        Ok(Some(text.into_inner().map_err(unwritten)?))
    }

    /// Appends the predictions of `block`.
    fn write(&mut self, block: &Block, text: &mut Writer<Vec<u8>>) -> Result<()> {
        let Predicted { values, width, exits } = self.predict(&block.x)?;
        let is_empty = self.rows_without(&block.x)?;
        let mut number = String::new();
        for (row, values) in values.chunks_exact(width).enumerate() {
            for field in block.kept.get(row).into_iter().flatten() {
                text.write_field(field).map_err(unwritten)?;
            }
            let is_empty = is_empty.get(row) == Some(&true);
            for value in values {
                number.clear();
                if !is_empty {
                    self.counts.not_finite += usize::from(!value.is_finite());
                    push_number(&mut number, *value);
                }
                text.write_field(&number).map_err(unwritten)?;
            }
            if let Some(exits) = &exits {
                let exit = if is_empty { String::new() } else { exits[row].to_string() };
                text.write_field(exit).map_err(unwritten)?;
            }
            text.write_record(None::<&[u8]>).map_err(unwritten)?;
            self.counts.rows += 1;
            self.counts.empty += usize::from(is_empty);
        }
        self.counts.unknown = self.rows.unknown();
        Ok(())
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The columns of the file that are not features, targets or kept.
    pub fn unused(&self) -> Vec<&str> {
        let targets = &self.model.schema.targets;
        self.rows.unused().into_iter().filter(|name| !targets.iter().any(|target| target == name)).collect()
    }

    /// Whether the model's columns have names but those of the file do not, so that only their number was
    /// checked.
    pub fn goes_by_order(&self) -> bool {
        let features = &self.model.schema.features;
        let unnamed = Column::unnamed(features.len());
        let is_named = features.iter().zip(&unnamed).any(|(column, unnamed)| column.name != unnamed.name);
        !self.rows.has_names() && is_named
    }

    /// The names of the columns of predictions.
    fn names(&self) -> Vec<String> {
        let depths = self.model.network().depths().map(|depth| format!("depth_{depth}"));
        let prediction = "prediction".to_owned();
        let outputs: Vec<_> = match self.options.outputs {
            Outputs::Mean => vec![prediction],
            Outputs::All => [prediction].into_iter().chain(depths).collect(),
            Outputs::Depth(depth) => vec![format!("depth_{depth}")],
        };
        let targets = self.model.schema.targets.as_slice();
        let names = |output: String| match targets {
            [_] => vec![output],
            targets => targets.iter().map(|target| format!("{output}:{target}")).collect(),
        };
        let levels = self.quantiles().map(Vec::from).unwrap_or_default();
        let of_target =
            |target: &String| levels.iter().map(|level| quantile_column(target, *level)).collect();
        let quantiles = targets.iter().flat_map::<Vec<_>, _>(of_target);
        let ends = targets
            .iter()
            .filter(|_| self.options.interval.is_some())
            .flat_map(|target| interval_columns(target));
        let exit = self.options.exits.then(|| "exit".to_owned());
        outputs.into_iter().flat_map(names).chain(quantiles).chain(ends).chain(exit).collect()
    }

    /// The quantiles that are written; none beside the output at one depth.
    fn quantiles(&self) -> Option<Quantiles> {
        self.model.schema.quantiles.filter(|_| !matches!(self.options.outputs, Outputs::Depth(_)))
    }

    /// What is written of the rows `x`.
    fn predict(&self, x: &Tensor) -> Result<Predicted> {
        let model = self.model;
        let rows = x.dims()[0];
        let scaled = model.scaled(x)?;
        let PredictOptions { outputs, exits: with_exits, .. } = *self.options;
        let (y, exits) = if outputs == Outputs::Mean && !with_exits {
            let outputs = model.predictor.predict(&scaled)?;
            (self.with_quantiles(model.points(&outputs)?, &outputs)?, None)
        } else {
            let Prediction { mean, by_depth, exits } = model.predictor.predict_all_depths(&scaled)?;
            let y = match outputs {
                Outputs::Mean => self.with_quantiles(model.points(&mean)?, &mean)?,
                Outputs::All => {
                    let points = [model.points(&mean)?, model.points(&by_depth)?.flatten_from(1)?];
                    self.with_quantiles(Tensor::cat(&points, 1)?, &mean)?
                }
                Outputs::Depth(depth) => {
                    model.points(&by_depth)?.narrow(1, depth - model.net.depths().start(), 1)?
                }
            };
            (y, exits.filter(|_| with_exits).map(|exits| exits.depths))
        };
        let width = y.elem_count() / rows;
        let values = self.with_bounds(y.flatten_all()?.to_vec1()?, width);
        Ok(Predicted { width: values.len() / rows, values, exits })
    }

    /// The numbers of rows, `width` each and first the predictions, and behind them the ends of the intervals of
    /// these, if they are wanted.
    fn with_bounds(&self, values: Vec<f64>, width: usize) -> Vec<f64> {
        let (Some(level), Some(residuals)) = (self.options.interval, &self.model.schema.residuals) else {
            return values;
        };
        let half_widths: Vec<_> =
            residuals.iter().map(|of| of.half_width(level).unwrap_or(f64::INFINITY)).collect();
        let row = |row: &[f64]| {
            let ends = row.iter().zip(&half_widths).flat_map(|(mean, half)| [mean - half, mean + half]);
            row.iter().copied().chain(ends).collect::<Vec<_>>()
        };
        values.chunks_exact(width).flat_map(row).collect()
    }

    /// The `points` of each row, and behind them its quantiles, if the model predicts some.
    fn with_quantiles(&self, points: Tensor, outputs: &Tensor) -> Result<Tensor> {
        if self.quantiles().is_none() {
            return Ok(points);
        }
        let quantiles = self.model.readout().read(outputs)?.quantiles;
        let quantiles = Tensor::from_vec(quantiles, outputs.shape(), &Device::Cpu)?;
        Ok(Tensor::cat(&[points, quantiles], 1)?)
    }

    /// Whether each row is left without a prediction; empty if none is.
    fn rows_without(&self, x: &Tensor) -> Result<Vec<bool>> {
        if self.options.missing != MissingRows::Empty {
            return Ok(Vec::new());
        }
        let rows = x.to_vec2::<f64>()?;
        Ok(rows.iter().map(|row| row.iter().any(|value| value.is_nan())).collect())
    }
}

/// What is written of some rows.
struct Predicted {
    /// The outputs in row-major order.
    values: Vec<f64>,
    /// How many each row has.
    width: usize,
    /// The depth at which each row exits, if it is wanted.
    exits: Option<Vec<usize>>,
}

/// The error of text that cannot be written to memory.
fn unwritten(error: impl ToString) -> Error {
    Error::data("the predictions", error.to_string())
}

/// Appends the shortest text that reads back as `value`.
fn push_number(text: &mut String, value: f64) {
    use std::fmt::Write;
    // Writing to a string does not fail.
    let _ = write!(text, "{value:?}");
}
