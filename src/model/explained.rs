//! What the predictions of a model depend on.

use std::path::Path;

use candle_core::{Device, Tensor};

use super::{EvaluateOptions, MissingRows, Model};
use crate::config::MissingTarget;
use crate::data::{RowOptions, RowReader};
use crate::error::{Error, Result};
use crate::explain::{ErrorKind, Explain, Explanation, Grids, Subject, combine};
use crate::random::{Stream, generator};

/// What the predictions of the rows of a file depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct FileExplanation {
    /// What they depend on.
    pub explanation: Explanation,
    /// The rows of the file with all values that are needed.
    pub rows: usize,
    /// The rows that were left out, since a value is missing.
    pub left_out: usize,
}

impl Model {
    /// Measures by how much the errors on the rows of a file grow when each of its columns is shuffled
    /// `repeats` times, and how the predictions go with the most important columns:
    /// [`explain`](mod@crate::explain). The file has the targets, and is one that training has not seen. The
    /// same `seed` gives the same result.
    ///
    /// # Errors
    ///
    /// As [`evaluate_file`](Self::evaluate_file), and when `repeats` is 0.
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
    /// # let file = std::env::temp_dir().join(format!("taper-explain-file-{}.csv", std::process::id()));
    /// std::fs::write(&file, "x0,x1,y\n1,2,3\n3,4,7\n5,6,11\n")?;
    /// let found = model.explain_file(&file, &EvaluateOptions::default(), 5, 1)?;
    /// assert_eq!((found.rows, found.explanation.targets[0].columns.len()), (3, 2));
    /// # std::fs::remove_file(file)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn explain_file(
        &self,
        file: &Path,
        options: &EvaluateOptions,
        repeats: usize,
        seed: u64,
    ) -> Result<FileExplanation> {
        let (x, truth, left_out) = self.labelled_rows(file, options)?;
        let rows = x.dims()[0];
        let schema = &self.schema;
        let loss = self.training.as_ref().and_then(|training| training.objective.as_ref());
        let error = match schema.quantiles {
            Some(_) => ErrorKind::Pinball,
            None => loss.map_or(ErrorKind::Rmse, |objective| ErrorKind::of(objective.loss(None))),
        };
        let explain = Explain { columns: schema.features.clone(), repeats, error };
        explain.check(schema.width())?;
        let grids = Grids::new(&explain.columns, &x, None)?;
        let prepare = |x: &Tensor| self.scaled(x);
        let predict = |features: &Tensor| Ok(self.predictor.predict(features)?);
        let subject = Subject { x, truth, prepare: &prepare, predict: &predict, readout: self.readout() };
        let explained = subject.explain(&explain, &grids, &mut generator(seed, Stream::Explain, 0))?;
        let explanation = combine(&explain, &grids, &[explained], &schema.targets, 0.);
        Ok(FileExplanation { explanation, rows, left_out })
    }

    /// The features (n, features) in their own units and the targets of the rows of a file that has both, and
    /// the number of rows that lack a value.
    fn labelled_rows(&self, file: &Path, options: &EvaluateOptions) -> Result<(Tensor, Vec<f64>, usize)> {
        let row_options = RowOptions {
            targets: self.schema.targets.clone(),
            allow_missing_target: options.missing_target == MissingTarget::Drop,
            ..self.row_options(options.missing, options.unknown, options.dialect)?
        };
        let mut reader = RowReader::open(file, &self.schema.features, self.dtype(), row_options)?;
        let (targets, width) = (self.schema.targets.len(), self.schema.width());
        let (mut features, mut truths, mut left_out) = (Vec::new(), Vec::new(), 0);
        while let Some(block) = reader.next_block(self.rows_of_block())? {
            let x = block.x.flatten_all()?.to_vec1::<f64>()?;
            for (x, truth) in x.chunks_exact(width).zip(block.y.chunks_exact(targets)) {
                let has_no_feature = options.missing == MissingRows::Empty && x.iter().any(|x| x.is_nan());
                if has_no_feature || truth.iter().any(|truth| truth.is_nan()) {
                    left_out += 1;
                } else {
                    features.extend_from_slice(x);
                    truths.extend_from_slice(truth);
                }
            }
        }
        if truths.is_empty() {
            return Err(Error::data(file.display(), "has no rows with all values that are needed"));
        }
        let shape = (features.len() / width, width);
        Ok((Tensor::from_vec(features, shape, &Device::Cpu)?, truths, left_out))
    }
}
