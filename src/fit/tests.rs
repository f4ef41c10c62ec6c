//! Trainings that are interrupted after each of their steps.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use candle_core::{DType, Device};

use super::*;
use crate::config::{CvConfig, DataConfig, ModelConfig, Scale, Selection, TrainConfig};
use crate::data::synthetic;
use crate::nn::Norm;
use crate::optim::Schedule;
use crate::partition::Partition;
use crate::random::{Stream, generator};
use crate::run::{Identity, RunDirectory};

/// What a training leaves, without its times.
type Left = (Vec<EpochRecord>, BTreeMap<String, Vec<f32>>, BTreeMap<String, Vec<f32>>, Vec<u32>, Vec<f64>);

/// What a fold's training leaves of its epochs, network, state and order of the rows and errors for intervals.
fn left(mut fit: Fit) -> Left {
    let values = |tensors: BTreeMap<String, Tensor>| -> BTreeMap<_, _> {
        let values = |tensor: Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        tensors.into_iter().map(|(name, tensor)| (name, values(tensor))).collect()
    };
    let state = values(fit.training.trainer.state().unwrap().tensors);
    let net = fit.net().unwrap();
    let network = values(net.named_tensors().unwrap());
    fit.epochs.iter_mut().for_each(|epoch| epoch.seconds = 0.);
    (fit.epochs, network, state, fit.training.rows, fit.residuals.concat())
}

/// Whatever it is doing, between the two trainings of a refit too, a training resumes bit for bit.
#[test]
fn a_training_resumes_after_any_step() {
    let even = synthetic(60, 3, 0.1, generator(1, Stream::Data, 0), DType::F32, &Device::Cpu).unwrap();
    let skewed = Dataset::new(even.x().clone(), even.y().exp().unwrap()).unwrap();
    let fold = Partition::new(&even, 3, 1, 1).unwrap().fold(1).unwrap();
    // Where there is a scale, each training is scaled by its own rows.
    for (select, schedule, patience, scale, norm, target_transform) in [
        (Selection::Last, Schedule::Plateau, 0, Scale::None, Norm::None, TargetTransform::None),
        (Selection::Best, Schedule::OneCycle, 4, Scale::Standard, Norm::None, TargetTransform::None),
        (Selection::Best, Schedule::Constant, 4, Scale::Standard, Norm::Batch, TargetTransform::None),
        (Selection::Refit, Schedule::Constant, 3, Scale::Standard, Norm::Batch, TargetTransform::None),
        (Selection::Refit, Schedule::Plateau, 0, Scale::None, Norm::None, TargetTransform::None),
        (Selection::Refit, Schedule::OneCycle, 0, Scale::Standard, Norm::None, TargetTransform::Auto),
        (Selection::Best, Schedule::Constant, 3, Scale::Standard, Norm::Batch, TargetTransform::Auto),
        (Selection::Last, Schedule::Constant, 0, Scale::Standard, Norm::None, TargetTransform::Auto),
        (Selection::Best, Schedule::Constant, 3, Scale::Standard, Norm::None, TargetTransform::YeoJohnson),
        (Selection::Bag, Schedule::Constant, 3, Scale::Standard, Norm::Batch, TargetTransform::None),
        (Selection::Bag, Schedule::Constant, 3, Scale::Standard, Norm::None, TargetTransform::Auto),
    ] {
        let train =
            TrainConfig { epochs: 30, batch_size: 12, lr: 1e-2, validation: 0.25, ..TrainConfig::default() };
        // With these the loss falls so steadily that there is no plateau.
        let [clip_norm, averaging] = if schedule == Schedule::Plateau { [0.; 2] } else { [1., 0.9] };
        let train =
            TrainConfig { schedule, clip_norm, averaging, target_transform, patience, select, ..train };
        let data_config = DataConfig { scale, ..DataConfig::default() };
        let [members, bins] = if select == Selection::Bag { [3, 2] } else { [1, 0] };
        let model = ModelConfig { members, bins, norm, ..ModelConfig::default() };
        let config = CvConfig { data: data_config, model, train, ..CvConfig::default() };
        let learner = config.learner();
        let is_auto = target_transform == TargetTransform::Auto;
        let data = if is_auto { &skewed } else { &even };
        let prepared = Prepared::new(&learner, data, &Device::Cpu).unwrap();
        let identity = Identity::new("cv", &config, Vec::new());
        let folder = std::env::temp_dir().join(format!("taper-steps-{}", std::process::id()));
        let run = |name: &str| RunDirectory::create(&folder.join(name), true, &identity, "").unwrap();

        let [whole, interrupted] = ["whole", "interrupted"].map(run);
        let interval = Some(0.5);
        let options = RunOptions { keep: Some((&whole, &identity)), interval, ..RunOptions::default() };
        let mut expected = Fit::new(&prepared, 1, &fold, &options, None).unwrap();
        expected.train(&Stop::default()).unwrap();
        let expected = left(expected);

        let options = RunOptions { keep: Some((&interrupted, &identity)), interval, ..RunOptions::default() };
        let over = Stop::default().after(Duration::ZERO);
        let (mut stops, mut between) = (0, 0);
        let found = loop {
            let checkpoint = interrupted.checkpoints(1).last().unwrap();
            let mut fit = Fit::new(&prepared, 1, &fold, &options, checkpoint.as_ref()).unwrap();
            let is_done = fit.train(&over).is_ok();
            let begins_again = fit.trainings.next() == Some(Next { epoch: 0, is_refit: true });
            between += usize::from(begins_again && fit.training.trainer.state().unwrap().progress.step == 0);
            if is_done {
                break left(fit);
            }
            stops += 1;
        };
        let lowest = found.0.last().map_or(1., |epoch| epoch.lr / 1e-2);
        println!("{select:?} by {schedule:?}: {} epochs, {stops} stops, {lowest} of the rate", found.0.len());
        assert!(schedule != Schedule::Plateau || lowest < 0.2);
        assert_eq!(between, usize::from(select == Selection::Refit));
        // 30 rows are trained on in 3 steps, or 40 in 4.
        let steps: usize = expected.0.iter().map(|epoch| if epoch.refit { 4 } else { 3 }).sum();
        assert_eq!(stops, steps);
        assert!(found == expected, "{select:?}: {:?}, {:?}", found.0, expected.0);
        // A quarter of the 40 training rows, and of a bag another one for each of up to four members.
        let parts = if select == Selection::Bag { learner.model.members.min(4) } else { 1 };
        assert_eq!(expected.4.len(), 10 * parts);
        let has_best = matches!(select, Selection::Best | Selection::Bag);
        let tried: BTreeSet<_> =
            expected.0.iter().filter_map(|epoch| Some(epoch.target_transform?.name())).collect();
        assert_eq!(tried.len(), if is_auto { 3 } else { 0 }, "{tried:?}");
        let kind = if averaging > 0. { "average" } else { "parameter" };
        let has_variance = |name: &String| name.ends_with("norm.variance");
        let of_norms = expected.1.keys().filter(|name| has_variance(name)).count();
        assert_eq!(of_norms, if norm == Norm::Batch { members } else { 0 });
        // Statistics are no part of the state.
        let last = |name: &String| {
            // The state is that of the last member.
            let of_member = name.strip_prefix("members.2.").unwrap_or(name);
            expected.2.get(&format!("{kind}.{of_member}")).is_some_and(|last| *last != expected.1[name])
        };
        // The last of the best transform is kept, which may be that of the last transform.
        if !is_auto || select != Selection::Last {
            assert_eq!(expected.1.keys().any(last), has_best, "{select:?}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
