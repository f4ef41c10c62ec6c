//! The data that are learned, and the networks that learn them.

use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use rand::Rng;
use taper::Partition;
use taper::config::{CvConfig, FileConfig, FloatType, Missing, MissingTarget, Recipe, TrainConfig};
use taper::data::{self, Dataset, Scaling, synthetic};
use taper::nn::{Block, ModelConfig};
use taper::ops::Prior;
use taper::optim::Schedule;
use taper::random::{Stream, generator};

/// The numbers of a row of the made task.
const WIDTH: usize = 16;
/// The most applications of its map.
const MOST: u8 = 4;
/// The cosine and the sine of the angle by which it turns two numbers.
const TURN: (f32, f32) = (0.62, 0.7846);

/// What is learned.
pub(crate) enum Source {
    /// A map that is applied as often as a feature says.
    Made { rows: usize },
    /// The synthetic data of `taper` without arguments.
    Default,
    /// A file.
    File(Dataset),
}

/// A task: its name, what is learned, and by what.
pub(crate) struct Task {
    pub(crate) name: String,
    pub(crate) source: Source,
    /// Of the network that learns depths from 1 on.
    pub(crate) model: ModelConfig,
    pub(crate) train: TrainConfig,
}

/// Rows to train on and others to test on.
pub(crate) struct Split {
    pub(crate) train: Dataset,
    pub(crate) test: Dataset,
    /// How often the map is applied to each row of the test, where that is known.
    pub(crate) needs: Option<Vec<f64>>,
}

impl Task {
    /// The task that is made for learned depths.
    ///
    /// A row is 16 numbers and how often, 1 to 4 times, a map is applied to them, which gives the 16 targets.
    /// The map turns each number with its neighbour and takes magnitudes: it can neither be undone nor be
    /// passed over, and a layer of 32 has room for one application, whose result is 16 numbers of either
    /// sign. Task, width and training were chosen on the seeds 101 to 120.
    pub(crate) fn made(fast: bool) -> Self {
        let (hidden, max_depth, block, prior) = (32, 5, Block::Plain, Prior::Geometric);
        let (lr, epochs, schedule, clip_norm) = (5e-3, if fast { 4 } else { 100 }, Schedule::OneCycle, 1.);
        Self {
            name: "made: 16 numbers, a map applied 1 to 4 times".to_owned(),
            source: Source::Made { rows: if fast { 500 } else { 8000 } },
            model: ModelConfig { hidden, max_depth, block, prior, ..ModelConfig::default() },
            train: TrainConfig { lr, epochs, schedule, clip_norm, ..TrainConfig::default() },
        }
    }

    /// The default task, by the recipe `injection`.
    pub(crate) fn default(fast: bool) -> Self {
        Self::by_recipe("default: the synthetic data of `taper`".to_owned(), Source::Default, fast)
    }

    /// The file of `FILE:TARGET` or `FILE:TARGET:GROUP`, by the recipe `injection`.
    pub(crate) fn file(argument: &str, fast: bool) -> Self {
        let mut parts = argument.split(':');
        let (Some(file), Some(target), group, None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            panic!("{argument} is no file, expected FILE:TARGET or FILE:TARGET:GROUP")
        };
        let config = FileConfig {
            file: PathBuf::from(file),
            target: vec![target.to_owned()],
            group: group.map(str::to_owned),
            missing: Missing::Mean,
            missing_target: MissingTarget::Drop,
            ..FileConfig::default()
        };
        let table = data::read(&config, FloatType::F32).unwrap();
        let name = config.file.file_stem().unwrap().to_string_lossy().into_owned();
        Self::by_recipe(name, Source::File(table.data), fast)
    }

    fn by_recipe(name: String, source: Source, fast: bool) -> Self {
        let (model, train) = (Recipe::Injection.model(), Recipe::Injection.train());
        let epochs = if fast { 2 } else { train.epochs };
        Self { name, source, model, train: TrainConfig { epochs, ..train } }
    }

    /// The data of `seed`.
    pub(crate) fn splits(&self, seed: u64) -> Vec<Split> {
        let CvConfig { data: config, folds, .. } = CvConfig::default();
        match &self.source {
            Source::Made { rows } => {
                let (train, _) = made(seed, 0, *rows);
                let (test, needs) = made(seed, 1, 2000);
                vec![Split { train, test, needs: Some(needs) }]
            }
            Source::Default => {
                let rng = generator(seed, Stream::Data, 0);
                let data =
                    synthetic(config.rows, config.features, config.noise, rng, DType::F32, &Device::Cpu);
                split(&data.unwrap(), folds, seed, false)
            }
            Source::File(data) => split(data, folds, seed, true),
        }
    }
}

/// The folds of `data`, where need be scaled by what is fitted on their training rows.
fn split(data: &Dataset, folds: usize, seed: u64, scaled: bool) -> Vec<Split> {
    let take = |x: &Tensor, y: &Tensor, rows: &[u32]| {
        let (x, y) = Dataset::new(x.clone(), y.clone()).unwrap().rounded().unwrap().select(rows).unwrap();
        Dataset::new(x, y).unwrap()
    };
    let folds = Partition::new(data, folds, 1, seed).unwrap();
    let split = |fold: data::Fold| {
        let (mut x, mut y) = (data.x().clone(), data.y().clone());
        if scaled {
            x = Scaling::standard_features(data, &fold.train).unwrap().apply(&x).unwrap();
            y = Scaling::standard(&y, &fold.train).unwrap().apply(&y).unwrap();
        }
        Split { train: take(&x, &y, &fold.train), test: take(&x, &y, &fold.test), needs: None }
    };
    folds.iter().map(split).collect()
}

/// Rows of the made task, and how often the map is applied to each.
fn made(seed: u64, index: usize, rows: usize) -> (Dataset, Vec<f64>) {
    let mut rng = generator(seed, Stream::Data, index);
    let (mut x, mut y, mut needs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rows {
        let need = rng.random_range(1..=MOST);
        let mut state: Vec<f32> = (0..WIDTH).map(|_| rng.random_range(-1f32..1.)).collect();
        x.extend(&state);
        x.push(2. * f32::from(need - 1) / f32::from(MOST - 1) - 1.);
        for _ in 0..need {
            apply(&mut state);
        }
        y.extend(state);
        needs.push(f64::from(need));
    }
    let x = Tensor::from_vec(x, (rows, WIDTH + 1), &Device::Cpu).unwrap();
    let y = Tensor::from_vec(y, (rows, WIDTH), &Device::Cpu).unwrap();
    (Dataset::new(x, y).unwrap(), needs)
}

/// Turns each number with its neighbour, one after the other, and takes magnitudes.
fn apply(state: &mut [f32]) {
    let (cos, sin) = TURN;
    for i in 0..state.len() {
        let j = (i + 1) % state.len();
        (state[i], state[j]) = (cos * state[i] + sin * state[j], cos * state[j] - sin * state[i]);
    }
    for number in state {
        *number = number.abs();
    }
}
