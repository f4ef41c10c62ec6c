//! The results of epochs as a tensor.

use std::collections::BTreeMap;

use candle_core::{Device, Error, Tensor, bail};

use super::record::EpochRecord;
use crate::config::TargetTransform;
use crate::metrics::Metrics;

/// The loss of the training, that of the validation, the errors on the test rows, the rate, the seconds, and 1
/// in a second training, the place of the transform that is tried in [`TRANSFORMS`], and the member of a bag.
const COLUMNS: usize = 11;

/// The most members of a network.
const MEMBERS: usize = 256;

/// The transforms of targets that may be tried, by the numbers that stand for them.
const TRANSFORMS: [Option<TargetTransform>; 4] =
    [None, Some(TargetTransform::None), Some(TargetTransform::Log), Some(TargetTransform::YeoJohnson)];

/// The results of `epochs` as a tensor, with NaN for what there is not.
pub(super) fn tensor_of(epochs: &[EpochRecord]) -> candle_core::Result<Tensor> {
    let or_nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let numbers = epochs.iter().flat_map(|epoch| {
        let EpochRecord {
            member,
            refit,
            target_transform,
            train_loss,
            validation_loss,
            test,
            lr,
            seconds,
            ..
        } = *epoch;
        let tried = TRANSFORMS.iter().position(|tried| *tried == target_transform).unwrap_or(0) as f64;
        let [mse, rmse, mae, r2] =
            test.map_or([f64::NAN; 4], |Metrics { mse, rmse, mae, r2 }| [mse, rmse, mae, or_nan(r2)]);
        let refit = f64::from(u8::from(refit));
        [
            train_loss,
            or_nan(validation_loss),
            mse,
            rmse,
            mae,
            r2,
            lr,
            seconds,
            refit,
            tried,
            or_nan(member.map(|member| member as f64)),
        ]
    });
    Tensor::from_vec(numbers.collect::<Vec<_>>(), (epochs.len(), COLUMNS), &Device::Cpu)
}

/// The results of the epochs of network `fold` in `tensor`. In format 2 there were no validation losses and no
/// second trainings, and before format 4 no choice of transforms and no members.
pub(super) fn epochs_in(tensor: &Tensor, fold: usize) -> candle_core::Result<Vec<EpochRecord>> {
    let there = |value: f64| Some(value).filter(|value| !value.is_nan());
    let mut done = BTreeMap::new();
    let mut record = |row: &Vec<f64>| {
        let (train_loss, validation_loss, test, lr, seconds, [refit, tried, member]) = match row[..] {
            [loss, mse, rmse, mae, r2, lr, seconds] => {
                (loss, f64::NAN, [mse, rmse, mae, r2], lr, seconds, [0., 0., f64::NAN])
            }
            [loss, validation, mse, rmse, mae, r2, lr, seconds, refit] => {
                (loss, validation, [mse, rmse, mae, r2], lr, seconds, [refit, 0., f64::NAN])
            }
            [loss, validation, mse, rmse, mae, r2, lr, seconds, refit, tried, member] => {
                (loss, validation, [mse, rmse, mae, r2], lr, seconds, [refit, tried, member])
            }
            _ => bail!("expected {COLUMNS} numbers of an epoch, got {}", row.len()),
        };
        let [mse, rmse, mae, r2] = test;
        let test = there(mse).map(|mse| Metrics { mse, rmse, mae, r2: there(r2) });
        let refit = refit > 0.;
        let tried = (0..TRANSFORMS.len()).find(|i| *i as f64 == tried);
        let Some(tried) = tried else { bail!("expected one of {} transforms", TRANSFORMS.len()) };
        let member_of = |number: f64| (0..MEMBERS).find(|member| *member as f64 == number);
        let member = there(member).map(|number| {
            member_of(number).ok_or_else(|| Error::Msg(format!("{number} is no member of a network")))
        });
        let member = member.transpose()?;
        let done = done.entry((refit, tried, member)).or_insert(0);
        *done += 1;
        let (epoch, validation_loss) = (*done - 1, there(validation_loss));
        let target_transform = TRANSFORMS[tried];
        Ok(EpochRecord {
            fold,
            epoch,
            member,
            refit,
            target_transform,
            train_loss,
            validation_loss,
            test,
            lr,
            seconds,
        })
    };
    tensor.to_vec2::<f64>()?.iter().map(&mut record).collect()
}
