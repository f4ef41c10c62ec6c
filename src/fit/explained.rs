//! What a network depends on, as its test rows tell.

use candle_core::{DType, Tensor};

use super::{Fitted, Prepared, check};
use crate::error::Result;
use crate::evaluate::Readout;
use crate::explain::{Explain, Explained, Grids, Subject};
use crate::plan::Predictor;
use crate::random::{Stream, generator};
use crate::stop::Stop;

/// Asks network `index`, which is `fitted`, about its test `rows`. `stop` is asked before every prediction.
pub(crate) fn ask(
    prepared: &Prepared,
    index: usize,
    fitted: &Fitted,
    rows: &[u32],
    (explain, grids): (&Explain, &Grids),
    stop: &Stop,
) -> Result<Explained> {
    let (x, y) = prepared.data().select(rows)?;
    let device = fitted.net.device();
    let prepare = |x: &Tensor| {
        let encoded = fitted.category_means.as_ref().map(|means| means.apply(x)).transpose()?;
        let x = encoded.as_ref().unwrap_or(x);
        match &fitted.features {
            Some(scaling) => Ok(scaling.apply(x)?.to_device(device)?),
            None => Ok(x.to_device(device)?),
        }
    };
    let predictor = Predictor::new(&fitted.net)?;
    let predict = |features: &Tensor| {
        check(stop)?;
        Ok(predictor.predict(features)?)
    };
    let quantiles = prepared.learner.train.predicted_quantiles();
    let subject = Subject {
        x,
        truth: y.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?,
        prepare: &prepare,
        predict: &predict,
        readout: Readout { scaling: fitted.targets.as_ref(), quantiles },
    };
    subject.explain(explain, grids, &mut generator(prepared.learner.seed, Stream::Explain, index))
}
