//! The results of epochs as a tensor.

use candle_core::{Device, Tensor, bail};

use super::record::EpochRecord;
use crate::metrics::Metrics;

/// The loss, the errors of the validation, the rate and the seconds.
const COLUMNS: usize = 7;

/// The results of `epochs` as a tensor, with NaN for what there is not.
pub(super) fn tensor_of(epochs: &[EpochRecord]) -> candle_core::Result<Tensor> {
    let numbers = epochs.iter().flat_map(|epoch| {
        let EpochRecord { train_loss, validation, lr, seconds, .. } = *epoch;
        let [mse, rmse, mae, r2] = validation
            .map_or([f64::NAN; 4], |Metrics { mse, rmse, mae, r2 }| [mse, rmse, mae, r2.unwrap_or(f64::NAN)]);
        [train_loss, mse, rmse, mae, r2, lr, seconds]
    });
    Tensor::from_vec(numbers.collect::<Vec<_>>(), (epochs.len(), COLUMNS), &Device::Cpu)
}

/// The results of the epochs of network `fold` in `tensor`.
pub(super) fn epochs_in(tensor: &Tensor, fold: usize) -> candle_core::Result<Vec<EpochRecord>> {
    let rows = tensor.to_vec2::<f64>()?;
    let epoch = |(epoch, row): (usize, &Vec<f64>)| match row[..] {
        [train_loss, mse, rmse, mae, r2, lr, seconds] => {
            let r2 = Some(r2).filter(|r2| !r2.is_nan());
            let validation = (!mse.is_nan()).then_some(Metrics { mse, rmse, mae, r2 });
            Ok(EpochRecord { fold, epoch, train_loss, validation, lr, seconds })
        }
        _ => bail!("expected {COLUMNS} numbers of an epoch, got {}", row.len()),
    };
    rows.iter().enumerate().map(epoch).collect()
}
