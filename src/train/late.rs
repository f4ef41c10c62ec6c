//! Steps on data whose features are mapped when they are needed.

use super::engine::{Batch, Engine, Steps};
use crate::data::Dataset;
use crate::error::Result;

/// How many features are mapped at a time: many steps' worth, so that what each time costs is small beside
/// them, and little beside data that are worth mapping late.
const AT_ONCE: usize = 1 << 20;

/// As [`Engine::run`], also on data that are mapped late.
pub(super) fn run(
    engine: &mut dyn Engine,
    data: &Dataset,
    steps: Steps,
    pause: &mut dyn FnMut() -> bool,
) -> Result<(usize, f64)> {
    if !data.is_late() {
        return engine.run(data, steps, pause);
    }
    let rows_of = |batches: &[Batch]| batches.iter().map(|batch| batch.rows.len()).sum::<usize>();
    let features = rows_of(&steps.batches[..1.min(steps.batches.len())]) * data.features();
    let (mut made, mut loss) = (0, steps.loss);
    for batches in steps.batches.chunks((AT_ONCE / features.max(1)).max(1)) {
        let rows: Vec<u32> = batches.iter().flat_map(|batch| batch.rows).copied().collect();
        let (x, y) = data.select(&rows)?;
        let selected = Dataset::new(x, y)?;
        let numbers: Vec<u32> = (0..=u32::MAX).take(rows.len()).collect();
        let mut rest = &numbers[..];
        let renumber = |batch: &Batch| {
            let rows = rest.split_off(..batch.rows.len()).unwrap_or_default();
            Batch { rows, ..*batch }
        };
        let renumbered: Vec<_> = batches.iter().map(renumber).collect();
        let steps = Steps { batches: &renumbered, first: steps.first + made, loss, ..steps };
        let (now, sum) = engine.run(&selected, steps, pause)?;
        (made, loss) = (made + now, sum);
        if now < batches.len() {
            break;
        }
    }
    Ok((made, loss))
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use candle_nn::VarMap;

    use super::*;
    use crate::config::{ModelConfig, TrainConfig};
    use crate::data::synthetic;
    use crate::nn::DynamicNet;
    use crate::random::{Stream, generator};
    use crate::train::Trainer;

    /// The losses of two epochs, interrupted after every `pause` steps.
    fn losses(data: &Dataset, pause: usize) -> Vec<u64> {
        let vars = VarMap::new();
        let vb = crate::nn::seeded_builder(&vars, generator(3, Stream::Init, 0), DType::F32, &Device::Cpu);
        let spec = ModelConfig::default().network(data.features(), 1);
        let net = DynamicNet::new(&spec, vb).unwrap();
        let mut trainer = Trainer::new(net, &vars, &TrainConfig::default(), 3, 0).unwrap();
        let mut rows: Vec<u32> = (0..data.rows() as u32).collect();
        let mut losses = Vec::new();
        while losses.len() < 2 {
            let mut steps = 0;
            let mut is_over = || {
                steps += 1;
                steps >= pause
            };
            losses.extend(trainer.advance(data, &mut rows, &mut is_over).unwrap());
        }
        losses.iter().map(|loss: &f64| loss.to_bits()).collect()
    }

    /// 40,000 rows of 64 features are more than are mapped at once, in three parts, the last of which is
    /// smaller.
    #[test]
    fn late_features_train_as_features_that_were_mapped_before() {
        let data =
            synthetic(40_000, 64, 0.1, generator(1, Stream::Data, 0), DType::F32, &Device::Cpu).unwrap();
        let twice = |x: &candle_core::Tensor| x * 2.;
        let before = Dataset::new(twice(data.x()).unwrap(), data.y().clone()).unwrap();
        let late = Dataset::mapped_late(data.x().clone(), data.y().clone(), twice, &Device::Cpu).unwrap();
        assert!(data.rows() * data.features() > 2 * AT_ONCE);
        let expected = losses(&before, usize::MAX);
        assert_eq!(losses(&late, usize::MAX), expected);
        assert_eq!(losses(&late, 256), expected);
        assert_ne!(losses(&data, usize::MAX), expected);
    }
}
