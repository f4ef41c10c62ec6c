//! The elements that rows on slices may have.

use candle_core::WithDType;

#[cfg(doc)]
use super::Predictor;

/// An element of the rows of [`Predictor::predict_rows`]: `f32` or `f64`.
pub trait Float: WithDType + sealed::Rows {}

impl Float for f32 {}
impl Float for f64 {}

mod sealed {
    use candle_core::{Result, Tensor};

    use super::super::{Engine, Predictor};

    pub trait Rows: Sized {
        fn predict_rows(
            predictor: &Predictor,
            x: &[Self],
            mean: &mut [Self],
            by_depth: Option<&mut [Self]>,
        ) -> Result<()>;
    }

    macro_rules! rows {
        ($type:ident, $engine:ident) => {
            impl Rows for $type {
                fn predict_rows(
                    predictor: &Predictor,
                    x: &[Self],
                    mean: &mut [Self],
                    by_depth: Option<&mut [Self]>,
                ) -> Result<()> {
                    if let Engine::$engine(trunk) = &predictor.engine {
                        trunk.predict(predictor.threads.get(), x, mean, by_depth.unwrap_or_default());
                        return Ok(());
                    }
                    let [inputs, _] = predictor.widths();
                    let shape = (x.len() / inputs, inputs);
                    let prediction =
                        predictor.by_candle(&Tensor::from_slice(x, shape, predictor.weight().device())?)?;
                    mean.copy_from_slice(&prediction.mean.flatten_all()?.to_vec1()?);
                    if let Some(by_depth) = by_depth {
                        by_depth.copy_from_slice(&prediction.by_depth.flatten_all()?.to_vec1()?);
                    }
                    Ok(())
                }
            }
        };
    }

    rows!(f32, F32);
    rows!(f64, F64);
}
