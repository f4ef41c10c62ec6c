//! Threads that carry out tasks.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use sha2::{Digest, Sha256};
use tracing::subscriber::{NoSubscriber, with_default};

use super::outcome::Outcome;
use super::plan::{DataSet, Plan, Task};
use crate::config::{CvConfig, Learner};
use crate::data::{Dataset, Fold, load, synthetic};
use crate::error::{Error, Result};
use crate::fit::{Fitted, Prepared, fit};
use crate::nn::{DynamicNet, seeded_builder};
use crate::parallel::STACK_BYTES;
use crate::partition::Partition;
use crate::random::{Stream, generator};
use crate::run::RunOptions;
use crate::stop::Stop;
use crate::storage::hex;
use crate::train::Trainer;

/// Carries out tasks of a plan, on the CPU.
#[derive(Debug)]
pub struct Workers<'a> {
    plan: &'a Plan,
    jobs: usize,
    stop: &'a Stop,
    /// The data that tasks of now need.
    loaded: Mutex<Vec<(usize, Arc<Loaded>)>>,
}

/// The data of a set with its divisions into folds.
#[derive(Debug)]
struct Loaded {
    data: Dataset,
    /// By their seeds.
    partitions: Mutex<HashMap<u64, Arc<Partition>>>,
}

impl<'a> Workers<'a> {
    /// Workers on `jobs` threads, who leave when `stop` says so.
    pub fn new(plan: &'a Plan, jobs: usize, stop: &'a Stop) -> Self {
        Self { plan, jobs: jobs.max(1), stop, loaded: Mutex::default() }
    }

    /// Carries out `tasks`, which begin in this order, and gives each outcome to `take` as soon as it is
    /// there, and nothing where none is there for a second. A task that fails has an outcome too. Where the
    /// workers are told to leave, those of some tasks are missing.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Settings`] when the data are others than those of the plan, with the error of
    /// `take`, and when there is no thread to be had.
    pub fn run(&self, tasks: &[u64], mut take: impl FnMut(Option<Outcome>) -> Result<()>) -> Result<()> {
        let next = AtomicUsize::new(0);
        let (sender, outcomes) = mpsc::channel();
        thread::scope(|scope| {
            for started in 0..self.jobs.min(tasks.len()) {
                let (sender, next) = (sender.clone(), &next);
                let work = move || with_default(NoSubscriber::new(), || self.work(tasks, next, &sender));
                match thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work) {
                    Ok(_) => {}
                    Err(_) if started > 0 => break,
                    Err(error) => return Err(Error::Thread(error)),
                }
            }
            drop(sender);
            loop {
                let outcome = match outcomes.recv_timeout(Duration::from_secs(1)) {
                    Ok(outcome) => outcome.map(Some),
                    Err(RecvTimeoutError::Timeout) => Ok(None),
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                };
                if let Err(error) = outcome.and_then(&mut take) {
                    // Nobody begins another one.
                    next.store(tasks.len(), Ordering::Relaxed);
                    return Err(error);
                }
            }
        })
    }

    /// Carries out the next of `tasks` until there is none.
    fn work(&self, tasks: &[u64], next: &AtomicUsize, outcomes: &Sender<Result<Outcome>>) {
        while self.stop.reason().is_none() {
            let Some(&number) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            let Some(task) = self.plan.task(number) else { continue };
            let outcome = match self.loaded(task.set) {
                Err(error) => Err(error),
                Ok(loaded) => {
                    let start = Instant::now();
                    match self.train(&loaded, task) {
                        // It has no outcome yet.
                        Ok((Err(Error::Stopped(_)), _)) | Err(Error::Stopped(_)) => return,
                        // Of the machine, and not of the task.
                        Ok((Err(error @ (Error::File { .. } | Error::Thread(_))), _)) | Err(error) => {
                            Err(error)
                        }
                        Ok((fitted, fold)) => {
                            let (metric, seconds) = (self.plan.study.metric, start.elapsed().as_secs_f64());
                            Ok(Outcome::new(number, (task.fold, &fold), fitted, metric, seconds))
                        }
                    }
                }
            };
            if outcomes.send(outcome).is_err() {
                return;
            }
        }
    }

    /// Trains and tests the network of `task`, with the bits that `taper cv` with its settings has in this
    /// fold, and returns what came of it, and the fold.
    fn train(&self, loaded: &Loaded, task: Task) -> Result<(Result<Fitted>, Fold)> {
        let config = self.plan.config(task);
        let folds = loaded.partition(&config)?;
        let fold = folds.fold(task.fold).ok_or(Error::NoRows)?;
        let learner: Learner = config.learner();
        let options = RunOptions { stop: self.stop.clone(), ..RunOptions::default() };
        let fitted = Prepared::new(&learner, &loaded.data, &Device::Cpu)
            .and_then(|prepared| fit(&prepared, task.fold, &fold, &options, None, self.stop));
        Ok((fitted, fold))
    }

    /// The data of a set. Of large ones no more than two are in memory beside those that are in use.
    fn loaded(&self, set: usize) -> Result<Arc<Loaded>> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, data)) = loaded.iter().find(|(of, _)| *of == set) {
            return Ok(data.clone());
        }
        let data = Arc::new(Loaded::read(&self.plan.sets[set])?);
        if loaded.len() > 1 {
            loaded.remove(0);
        }
        loaded.push((set, data.clone()));
        Ok(data)
    }
}

/// A setting that names a file.
enum Place<'a> {
    File(&'a mut PathBuf),
    Target(&'a mut String),
}

impl Place<'_> {
    fn set(self, path: &Path) {
        match self {
            Self::File(file) => path.clone_into(file),
            Self::Target(target) => *target = path.to_string_lossy().into_owned(),
        }
    }
}

impl Loaded {
    fn read(set: &DataSet) -> Result<Self> {
        let Some(config) = set.configs.first() else { return Err(Error::NoRows) };
        let mut config = config.clone();
        if let Some(file) = &mut config.data.file {
            // The targets of .npy have files of their own, which their settings name.
            let places = [&mut file.file].into_iter().map(Place::File);
            let targets = file.target.iter_mut().filter(|_| set.files.len() > 1).map(Place::Target);
            for (place, known) in places.chain(targets).zip(&set.files) {
                // A file that this machine does not see is seen by another, perhaps.
                let now = known.find().unwrap_or(&known.file);
                File::open(now).map_err(|error| Error::cannot_read(now, error))?;
                place.set(now);
            }
        }
        let table = load(&config)?;
        for (now, then) in table.files.iter().zip(&set.files) {
            if now.sha256 != then.sha256 {
                let problem = format!(
                    "{} has other content than when the study was planned ({} bytes, and {} then), so that tasks on it \
                     would be of another study",
                    now.file.display(),
                    now.bytes,
                    then.bytes
                );
                return Err(Error::settings(problem));
            }
        }
        Ok(Self { data: table.data, partitions: Mutex::default() })
    }

    /// The folds of a repetition.
    fn partition(&self, config: &CvConfig) -> Result<Arc<Partition>> {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(partition) = partitions.get(&config.seed) {
            return Ok(partition.clone());
        }
        let partition = Arc::new(Partition::new(&self.data, config.folds, 1, config.seed)?);
        partitions.insert(config.seed, partition.clone());
        Ok(partition)
    }
}

/// What tells machines apart whose last bits differ: the SHA-256 sum of the parameters after a small
/// training, and of a product that is large enough to be divided by the sizes of the processor's caches.
///
/// # Errors
///
/// Fails when there is no memory for it.
pub fn fingerprint() -> Result<String> {
    let data = synthetic(256, 16, 0.1, generator(1, Stream::Data, 0), DType::F32, &Device::Cpu)?;
    let Learner { model, train, .. } = CvConfig::default().learner();
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, generator(1, Stream::Init, 0), DType::F32, &Device::Cpu);
    let net = DynamicNet::new(&model.network(16, 1), vb)?;
    let mut trainer = Trainer::new(net, &vars, &train, 1, 0)?;
    let mut rows: Vec<u32> = (0..256).collect();
    let mut hash = Sha256::new();
    hash.update(trainer.epoch(&data, &mut rows)?.to_bits().to_le_bytes());
    for tensor in trainer.net().named_tensors()?.into_values() {
        add(&mut hash, &tensor)?;
    }
    let wide = synthetic(96, 1024, 0.1, generator(2, Stream::Data, 0), DType::F32, &Device::Cpu)?;
    add(&mut hash, &wide.x().matmul(&wide.x().t()?)?)?;
    Ok(hex(&hash.finalize()[..8]))
}

/// Adds the bits of a tensor of f32.
fn add(hash: &mut Sha256, tensor: &Tensor) -> Result<()> {
    for value in tensor.flatten_all()?.to_vec1::<f32>()? {
        hash.update(value.to_bits().to_le_bytes());
    }
    Ok(())
}
