//! The settings of a run: their defaults and their validation.
//!
//! A [`CvConfig`] is what a user asks for; [`CvConfig::validate`] makes a [`ValidConfig`] of it.

mod data;
mod depths;
mod device;
mod dialect;
mod encoding;
mod file;
mod forgotten;
mod keys;
mod learner;
mod loss;
mod recipe;
mod selection;
mod settings;
mod table;
mod target_transform;
mod validate;

use std::ops::Deref;

use candle_core::DType;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::nn::{Halting, LayerKind};
use crate::ops::Quantiles;
use crate::optim::{AdamWConfig, OptimizerConfig, Penalised, Schedule, Updates};

pub use crate::nn::ModelConfig;
pub use data::{DataConfig, Scale};
pub use depths::Depths;
pub use device::DeviceSpec;
pub(crate) use device::device_names;
pub use dialect::{Decimal, Dialect, Mark};
pub use encoding::Encoding;
pub use file::HEADER;
pub(crate) use file::read_document;
pub use keys::keys;
pub use learner::{Learner, Preparation};
pub use loss::LossName;
pub use recipe::Recipe;
pub use selection::Selection;
pub use settings::Settings;
pub use table::{Categories, DateFormat, Dates, FileConfig, Fill, Missing, MissingTarget};
pub use target_transform::TargetTransform;
pub(crate) use validate::MAX_DEPTH;

/// The settings of a cross-validation, or of the training of a model.
///
/// Its defaults are those of the default [`Recipe`]. Deserialised without [`Settings`], a section that lacks
/// a key has that of [`Recipe::Seed`], as documents have of versions that lacked the setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CvConfig {
    /// The data to learn.
    pub data: DataConfig,
    /// The network.
    pub model: ModelConfig,
    /// The training of each fold.
    pub train: TrainConfig,
    /// The number of folds of a cross-validation.
    pub folds: usize,
    /// How often a cross-validation is repeated, each time with other folds.
    pub repeats: usize,
    /// The share of the rows that the training of a model holds out to test it on.
    pub holdout: f64,
    /// The share of the truths that intervals of the predictions should cover; 0 for no intervals.
    pub interval: f64,
    /// The seed of every random stream.
    pub seed: u64,
    /// The device to train on.
    pub device: DeviceSpec,
    /// The type of data, parameters and arithmetic.
    pub dtype: FloatType,
}

impl Default for CvConfig {
    fn default() -> Self {
        Self {
            data: DataConfig::default(),
            model: Recipe::default().model(),
            train: Recipe::default().train(),
            folds: 4,
            repeats: 1,
            holdout: 0.,
            interval: 0.,
            seed: 1,
            device: DeviceSpec::Auto,
            dtype: FloatType::F32,
        }
    }
}

impl CvConfig {
    /// The value of the setting `key`, which is one of [`keys`], in JSON; `None` if it has no meaning beside
    /// the others.
    pub fn get(&self, key: &str) -> Option<Value> {
        let mut document = serde_json::to_value(self).ok()?;
        document.pointer_mut(&format!("/{}", key.replace('.', "/"))).map(Value::take)
    }

    /// The key of the first setting that differs in `other`, with its values here and there, in JSON.
    ///
    /// The paths of data files make no difference: files are recognised by their content.
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::config::CvConfig;
    ///
    /// let (now, then) = (CvConfig { folds: 5, ..CvConfig::default() }, CvConfig::default());
    /// assert_eq!(now.difference(&then), Some(("folds", "5".to_owned(), "4".to_owned())));
    /// assert_eq!(now.difference(&now), None);
    /// ```
    pub fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let other = other.with_files_of(self);
        let shown = |value: Option<Value>| value.map_or("not set".to_owned(), |value| value.to_string());
        keys().iter().find_map(|key| {
            let (here, there) = (self.get(key), other.get(key));
            (here != there).then(|| (*key, shown(here), shown(there)))
        })
    }

    /// The number of networks of a cross-validation: one for each fold of each repetition.
    pub fn networks(&self) -> usize {
        self.folds.saturating_mul(self.repeats)
    }

    /// Whether the first epochs are the same however many follow: those of its training
    /// [are](TrainConfig::is_extendable), and the network does not [learn its depths](crate::nn::Halting),
    /// which begins after a tenth of the epochs.
    pub fn is_extendable(&self) -> bool {
        self.train.is_extendable() && self.model.halting == Halting::None
    }

    /// As [`difference`](Self::difference), from the settings `began` of a run to resume, which can go on for
    /// more epochs than it began with if its training is [extendable](Self::is_extendable).
    pub fn difference_to_resume(&self, began: &Self) -> Option<(&'static str, String, String)> {
        let mut began = began.clone();
        if began.is_extendable() {
            began.train.epochs = began.train.epochs.max(self.train.epochs);
        }
        self.difference(&began)
    }

    /// The same, with the paths of the files of `other` where both have files of one format.
    fn with_files_of(&self, other: &Self) -> Self {
        let mut config = self.clone();
        if let (Some(file), Some(theirs)) = (&mut config.data.file, &other.data.file) {
            file.take_paths_of(theirs);
        }
        config
    }
}

/// The training of one network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// How often training goes through the rows.
    pub epochs: usize,
    /// The most steps of all members of a network together, 0 for any number; they are met by fewer epochs,
    /// down to half of them, then by fewer members, then by fewer epochs again.
    pub max_steps: u64,
    /// The number of rows of a step.
    pub batch_size: usize,
    /// How the depth of a step is chosen.
    pub depths: Depths,
    /// The weights of the losses of all depths, from the least depth on, in the mean that [`Depths::All`]
    /// makes small; none for equal ones. Only their ratios count.
    pub depth_weights: Vec<f64>,
    /// The learning rate, the largest one where there is a schedule.
    pub lr: f64,
    /// How the learning rate changes over the steps of all epochs.
    pub schedule: Schedule,
    /// The share of the steps over which the rate rises to what the schedule says.
    pub warmup: f64,
    /// The decoupled weight decay.
    pub weight_decay: f64,
    /// The coupled L2 penalty; 0 for none.
    pub l2: f64,
    /// The L1 penalty, by a proximal step; 0 for none.
    pub l1: f64,
    /// Which parameters weight decay, L2 and L1 penalise.
    pub penalise: Penalised,
    /// The largest norm of all gradients of a step together; 0 for any.
    pub clip_norm: f64,
    /// The largest magnitude of an element of a gradient; 0 for any.
    pub clip_value: f64,
    /// The decay of the average of the parameters that predicts; 0 for none, where the last parameters do.
    pub averaging: f64,
    /// What targets become before they are scaled and learned.
    pub target_transform: TargetTransform,
    /// Whether predictions stay within the range of the training targets.
    pub clamp: bool,
    /// What training makes small.
    pub loss: LossName,
    /// From which difference on Huber's loss grows in proportion to it, in the units that the network is
    /// trained in: where targets are scaled, in their standard deviations.
    pub huber_delta: f64,
    /// The share of the training rows that is set aside for validation; 0 sets none aside.
    pub validation: f64,
    /// For how many epochs the loss on these rows may not improve before training stops; 0 for any number.
    pub patience: usize,
    /// The share by which that loss has to fall to have improved.
    pub min_improvement: f64,
    /// After which epoch the network is taken.
    pub select: Selection,
    /// The quantiles that a network of the quantile loss predicts of each target.
    pub quantiles: Quantiles,
    /// What computes the steps.
    pub engine: EngineName,
}

/// What computes the training steps. All engines give the same result up to rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// The fused engine where it applies, else Candle's autograd.
    #[default]
    Auto,
    /// The execution of a [plan](crate::plan) on buffers that are allocated once; for a network of f32 or f64
    /// parameters all of which are trained, and at least one application of the hidden layer.
    Fused,
    /// Candle's automatic differentiation.
    Autograd,
}

impl Default for TrainConfig {
    fn default() -> Self {
        let AdamWConfig { lr, weight_decay, .. } = AdamWConfig::default();
        let schedule = Schedule::default();
        Self {
            epochs: 25,
            max_steps: 0,
            batch_size: 64,
            depths: Depths::Uniform,
            depth_weights: Vec::new(),
            lr,
            schedule,
            warmup: 0.,
            weight_decay,
            l2: 0.,
            l1: 0.,
            penalise: Penalised::default(),
            clip_norm: 0.,
            clip_value: 0.,
            averaging: 0.,
            target_transform: TargetTransform::None,
            clamp: false,
            loss: LossName::Mse,
            huber_delta: 1.,
            validation: 0.,
            patience: 0,
            min_improvement: 0.,
            select: Selection::Auto,
            quantiles: Quantiles::DECILES,
            engine: EngineName::Auto,
        }
    }
}

impl TrainConfig {
    /// The first epochs of a network that learns its depths, in which it does not: a tenth of all.
    pub(crate) fn warm_up(&self) -> usize {
        self.epochs.div_ceil(10)
    }

    /// Whether the first epochs are the same however many follow: the learning rate does not depend on their
    /// number, and no other training comes after the last.
    pub fn is_extendable(&self) -> bool {
        self.schedule.is_open_ended()
            && self.warmup == 0.
            && self.max_steps == 0
            && self.selection() != Selection::Refit
            && !self.is_bagged()
            && self.target_transform != TargetTransform::Auto
    }

    /// The number of steps of an epoch over `rows` rows.
    pub(crate) fn steps(&self, rows: usize) -> u64 {
        rows.div_ceil(self.batch_size.max(1)) as u64
    }

    /// The learning rate of step number `step`, counted from 0, of all steps of a training on `rows` rows.
    pub(crate) fn rate(&self, step: u64, rows: usize) -> f64 {
        let steps = self.steps(rows).saturating_mul(self.epochs as u64);
        let rising = self.warmup * steps as f64;
        let risen = if rising > 0. { ((step as f64 + 1.) / rising).min(1.) } else { 1. };
        self.lr * risen * self.schedule.factor(step, steps)
    }

    /// The mean of the learning rate over the steps of a long training.
    pub(crate) fn mean_rate(&self) -> f64 {
        const STEPS: u64 = 1000;
        let factors = (0..STEPS).map(|step| self.schedule.factor(step, STEPS));
        self.lr * (1. - self.warmup / 2.) * factors.sum::<f64>() / STEPS as f64
    }

    /// How the parameters of the network of `model` are updated. The weights of cos layers are not penalised,
    /// nor is anything beside them: they are angles, which a penalty would draw to where all cosines are 1.
    ///
    /// The loss of several members is the mean of theirs. So the gradients of each are smaller by their
    /// number k, and the norm of all together by its root; bounds and the L2 penalty are made smaller alike,
    /// so that each member is trained as it would be alone.
    pub fn updates(&self, model: &ModelConfig) -> Updates {
        let Self { lr, penalise: penalised, averaging, .. } = *self;
        let [weight_decay, l2, l1] = match model.layer {
            LayerKind::Linear => [self.weight_decay, self.l2, self.l1],
            LayerKind::Cos(_) => [0.; 3],
        };
        let members = model.members as f64;
        let bound = |bound: f64| if bound == 0. { f64::INFINITY } else { bound };
        Updates {
            optimizer: OptimizerConfig::AdamW(AdamWConfig { lr, weight_decay, ..AdamWConfig::default() }),
            clip_value: bound(self.clip_value / members),
            clip_norm: bound(self.clip_norm / members.sqrt()),
            l2: l2 / members,
            l1,
            penalised,
            averaging,
        }
    }
}

/// The type of data, parameters and arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FloatType {
    /// Single precision.
    #[default]
    F32,
    /// Double precision.
    F64,
}

impl From<FloatType> for DType {
    fn from(float: FloatType) -> Self {
        match float {
            FloatType::F32 => Self::F32,
            FloatType::F64 => Self::F64,
        }
    }
}

/// A validated [`CvConfig`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct ValidConfig(CvConfig);

impl Deref for ValidConfig {
    type Target = CvConfig;

    fn deref(&self) -> &CvConfig {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::CosInit;

    /// The paths of files do not change what is computed; their columns and formats do.
    #[test]
    fn files_may_have_moved() {
        let config = |file: &str, target: &str| {
            let file =
                FileConfig { file: file.into(), target: vec![target.to_owned()], ..FileConfig::default() };
            CvConfig { data: DataConfig { file: Some(file), ..DataConfig::default() }, ..CvConfig::default() }
        };
        let key = |now: &CvConfig, then: &CvConfig| now.difference(then).map(|(key, ..)| key);
        for (now, then, differs) in [
            (config("a.csv", "y"), config("b/c.CSV", "y"), None),
            (config("a.csv", "y"), config("b/c.csv", "z"), Some("data.target")),
            (config("a.csv", "y"), config("a.tsv", "y"), Some("data.file")),
            (config("x.npy", "y.npy"), config("b/x.npy", "b/y.npy"), None),
            (config("x.safetensors", "y"), config("b/x.safetensors", "z"), Some("data.target")),
            (config("a.csv", "y"), CvConfig::default(), Some("data.file")),
        ] {
            assert_eq!(key(&now, &then), differs, "{now:?}");
            assert_eq!(key(&then, &now), differs, "{then:?}");
        }
    }

    #[test]
    fn the_settings_reach_the_optimizer() {
        let train = TrainConfig { lr: 0.5, weight_decay: 0.25, ..TrainConfig::default() };
        let expected = AdamWConfig { lr: 0.5, weight_decay: 0.25, ..AdamWConfig::default() };
        assert_eq!(train.updates(&ModelConfig::default()), OptimizerConfig::AdamW(expected).into());
        let expected = AdamWConfig { lr: 0.5, ..AdamWConfig::default() };
        let cos = ModelConfig { layer: LayerKind::Cos(CosInit::Centred), ..ModelConfig::default() };
        assert_eq!(train.updates(&cos), OptimizerConfig::AdamW(expected).into());
    }
}
