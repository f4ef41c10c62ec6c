//! The errors of a model on rows whose targets are known.

use std::path::Path;

use super::{MissingRows, Model};
use crate::config::{Dialect, MissingTarget};
use crate::data::{RowOptions, RowReader, Unknown};
use crate::error::{Error, Result};
use crate::evaluate::{Errors, Evaluation, KeptExits, RowPrediction};
use crate::intervals::of_model;
use crate::metrics::Intervals;
use crate::plan::Prediction;
use crate::run::Predictions;

/// How [`Model::evaluate_file`] handles irregular rows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct EvaluateOptions {
    /// How missing features are handled; rows that are `Empty` are left out.
    pub missing: MissingRows,
    /// How rows without a target are handled.
    pub missing_target: MissingTarget,
    /// How a text that its column did not have in training is handled.
    pub unknown: Unknown,
    /// How the file of text is written.
    pub dialect: Dialect,
    /// The share of the truths that intervals of the predictions should cover; without it there are none.
    pub interval: Option<f64>,
}

/// The errors on the rows of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileEvaluation {
    /// The errors, in the units of the targets.
    pub evaluation: Evaluation,
    /// The truth and the predictions of each row, which is counted from 0 in the file.
    pub predictions: Predictions,
    /// How well intervals of the predictions cover the truths, if these were asked for.
    pub intervals: Option<Intervals>,
    /// The rows that were left out, since a value is missing.
    pub left_out: usize,
}

impl Model {
    /// Predicts the rows of a text file that has the targets, too, and compares the two. Columns are found by
    /// their names, as by [`RowReader`].
    ///
    /// # Errors
    ///
    /// As [`predict_file`](Self::predict_file), when the file lacks a target, and with [`Error::Data`] when
    /// no row is left or a prediction is not finite.
    ///
    /// # Examples
    ///
    /// ```
    /// # use candle_core::{DType, Device};
    /// # use candle_nn::VarMap;
    /// # use taper::config::ModelConfig;
    /// # use taper::model::{EvaluateOptions, Model, Schema};
    /// # use taper::nn::{DynamicNet, seeded_builder};
    /// # use taper::random::{Stream, generator};
    /// # let vb = seeded_builder(&VarMap::new(), generator(1, Stream::Init, 0), DType::F32, &Device::Cpu);
    /// # let net = DynamicNet::new(&ModelConfig::default().network(2, 1), vb)?;
    /// # let model = Model::new(&net, Schema::unnamed(2, 1))?;
    /// # let file = std::env::temp_dir().join(format!("taper-evaluate-file-{}.csv", std::process::id()));
    /// std::fs::write(&file, "x0,x1,y\n1,2,3\n3,4,7\n5,6,11\n")?;
    /// let found = model.evaluate_file(&file, &EvaluateOptions::default())?;
    /// assert_eq!(found.predictions.len(), 3);
    /// assert!(found.evaluation.metrics.rmse > 0.);
    /// # std::fs::remove_file(file)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn evaluate_file(&self, file: &Path, options: &EvaluateOptions) -> Result<FileEvaluation> {
        if let Some(level) = options.interval {
            self.check_interval(level)?;
        }
        let row_options = RowOptions {
            targets: self.schema.targets.clone(),
            allow_missing_target: options.missing_target == MissingTarget::Drop,
            ..self.row_options(options.missing, options.unknown, options.dialect)?
        };
        let mut rows = RowReader::open(file, &self.schema.features, self.dtype(), row_options)?;
        let targets = self.schema.targets.len();
        let depths = self.network().depths();
        let width = depths.clone().count() * targets;
        let levels = self.schema.quantiles.map(Vec::from).unwrap_or_default();
        let quantiles = targets * levels.len();
        let mut errors = Errors::new(targets, depths.clone().count()).with_details(levels.clone());
        let mut predictions = Predictions::new(self.schema.targets.clone(), depths.clone().collect())
            .with_quantiles(levels)
            .with_exits(self.predictor.has_exits());
        let mut kept_exits = KeptExits::new(&self.predictor, targets)?;
        let (mut row, mut left_out) = (0, 0);
        while let Some(block) = rows.next_block(self.rows_of_block())? {
            let Prediction { mean, by_depth, exits } =
                self.predictor.predict_all_depths(&self.scaled(&block.x)?)?;
            let (mean, by_depth) = (self.readout().read(&mean)?, self.readout().read(&by_depth)?.points);
            let features = block.x.to_vec2::<f64>()?;
            for (i, (truth, x)) in block.y.chunks_exact(targets).zip(&features).enumerate() {
                let outputs = RowPrediction {
                    row: 0,
                    truth,
                    mean: &mean.points[i * targets..][..targets],
                    by_depth: &by_depth[i * width..][..width],
                    quantiles: &mean.quantiles[i * quantiles..][..quantiles],
                    exit: exits.as_ref().map(|exits| exits.depths[i]),
                };
                row += 1;
                let has_no_feature = options.missing == MissingRows::Empty && x.iter().any(|x| x.is_nan());
                if has_no_feature || truth.iter().any(|truth| truth.is_nan()) {
                    left_out += 1;
                    continue;
                }
                let RowPrediction { mean, by_depth, quantiles, exit, .. } = outputs;
                if [mean, by_depth, quantiles].into_iter().flatten().any(|output| !output.is_finite()) {
                    let problem =
                        "has a prediction that is not finite: it is too far from the rows of the training";
                    return Err(Error::data(format!("{}: row {row}", file.display()), problem));
                }
                errors.push(&outputs);
                if let (Some(kept), Some(exits)) = (&mut kept_exits, &exits) {
                    kept.push(exits, i, truth, mean);
                }
                predictions.push_all(row - 1, 0, [truth, mean, by_depth, quantiles], exit)?;
            }
        }
        if predictions.is_empty() {
            return Err(Error::data(file.display(), "has no rows with all values that are needed"));
        }
        let exits = kept_exits.as_ref().map(KeptExits::report);
        let evaluation = Evaluation { exits, ..errors.evaluation(&self.schema.targets, depths)? };
        let (intervals, predictions) = match (options.interval, &self.schema.residuals) {
            (Some(level), Some(residuals)) => {
                let (intervals, predictions) = of_model(predictions, residuals, level)?;
                (Some(intervals), predictions)
            }
            _ => (None, predictions),
        };
        Ok(FileEvaluation { evaluation, predictions, intervals, left_out })
    }
}
