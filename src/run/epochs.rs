//! The results of epochs as a tensor.

use candle_core::{Device, Tensor, bail};

use super::record::EpochRecord;
use crate::metrics::Metrics;

/// The loss of the training, that of the validation, the errors on the test rows, the rate, the seconds, and 1
/// in a second training.
const COLUMNS: usize = 9;

/// The results of `epochs` as a tensor, with NaN for what there is not.
pub(super) fn tensor_of(epochs: &[EpochRecord]) -> candle_core::Result<Tensor> {
    let or_nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let numbers = epochs.iter().flat_map(|epoch| {
        let EpochRecord { refit, train_loss, validation_loss, test, lr, seconds, .. } = *epoch;
        let [mse, rmse, mae, r2] =
            test.map_or([f64::NAN; 4], |Metrics { mse, rmse, mae, r2 }| [mse, rmse, mae, or_nan(r2)]);
        [train_loss, or_nan(validation_loss), mse, rmse, mae, r2, lr, seconds, f64::from(u8::from(refit))]
    });
    Tensor::from_vec(numbers.collect::<Vec<_>>(), (epochs.len(), COLUMNS), &Device::Cpu)
}

/// The results of the epochs of network `fold` in `tensor`. In format 2 there were no validation losses and no
/// second trainings.
pub(super) fn epochs_in(tensor: &Tensor, fold: usize) -> candle_core::Result<Vec<EpochRecord>> {
    let there = |value: f64| Some(value).filter(|value| !value.is_nan());
    let mut done = [0, 0];
    let mut record = |row: &Vec<f64>| {
        let (train_loss, validation_loss, test, lr, seconds, refit) = match row[..] {
            [loss, mse, rmse, mae, r2, lr, seconds] => {
                (loss, f64::NAN, [mse, rmse, mae, r2], lr, seconds, false)
            }
            [loss, validation, mse, rmse, mae, r2, lr, seconds, refit] => {
                (loss, validation, [mse, rmse, mae, r2], lr, seconds, refit > 0.)
            }
            _ => bail!("expected {COLUMNS} numbers of an epoch, got {}", row.len()),
        };
        let [mse, rmse, mae, r2] = test;
        let test = there(mse).map(|mse| Metrics { mse, rmse, mae, r2: there(r2) });
        let done = &mut done[usize::from(refit)];
        *done += 1;
        let (epoch, validation_loss) = (*done - 1, there(validation_loss));
        Ok(EpochRecord { fold, epoch, refit, train_loss, validation_loss, test, lr, seconds })
    };
    tensor.to_vec2::<f64>()?.iter().map(&mut record).collect()
}
