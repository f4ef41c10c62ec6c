//! The checkpoints of a network in training.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::epochs::{epochs_in, tensor_of};
use super::identity::Identity;
use super::layout::CHECKPOINTS;
use super::place::Place;
use super::record::EpochRecord;
use crate::error::{Error, Result};
use crate::storage::{create_folders, is_whole, seal, unseal, write_exclusive};
use crate::train::{Progress, TrainerState};

/// The kind and the format of the files.
const KIND: &str = "checkpoint";
const FORMAT: u32 = 4;
/// How many are kept: one can be damaged.
const KEPT: usize = 2;
/// How the name of a network's folder begins; its number follows.
pub(super) const FOLD: &str = "fold-";
/// The tensor of the order of the rows.
const ROWS: &str = "rows";
/// The tensor of the results of the epochs: a row of numbers each. In the header, which has a largest
/// length, there would be no room for many.
const EPOCHS: &str = "epochs";
/// How the names of the best parameters begin; those of the parameters follow.
const BEST: &str = "best.";
/// How the names of the tensors of the sizes of errors begin; the number of the member follows.
const RESIDUALS: &str = "residuals.";

/// All that is needed to resume the training of one network.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    /// What is trained on what.
    pub(crate) identity: Identity,
    /// The trainer's parameters, moments, streams and place.
    pub(crate) trainer: TrainerState,
    /// The order in which the trainer left the rows.
    pub(crate) rows: Vec<u32>,
    /// The results of the epochs that are done.
    pub(crate) epochs: Vec<EpochRecord>,
    /// The seconds that the current epoch has taken so far.
    pub(crate) seconds: f64,
    /// The parameters after the best epoch, where these are to be taken; none before there is one.
    pub(crate) best: BTreeMap<String, Tensor>,
    /// The sizes of the errors on the rows for validation, of each member of a bag so far or of the one network,
    /// where intervals are made of them.
    pub(crate) residuals: Vec<Vec<f64>>,
}

/// All of a checkpoint but its tensors.
#[derive(Serialize, Deserialize)]
struct Content {
    identity: Identity,
    progress: Progress,
    /// In format 1; now they are a tensor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    epochs: Vec<EpochRecord>,
    seconds: f64,
}

/// The folder with the checkpoints of one network, of which the last two are kept.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    folder: PathBuf,
    index: usize,
    /// Where they can be written; nothing where they are only read.
    place: Option<Place>,
}

impl Checkpoints {
    /// Those of network `index` of the run in `folder`.
    pub(crate) fn of(folder: &Path, index: usize) -> Self {
        let folder = folder.join(CHECKPOINTS).join(format!("{FOLD}{index:03}"));
        Self { folder, index, place: None }
    }

    /// Those of network `index` of the run that holds `place`.
    pub(super) fn in_place(place: Place, index: usize) -> Self {
        Self { place: Some(place.clone()), ..Self::of(place.path(), index) }
    }

    /// The indices of the networks that have a folder for checkpoints in the run in `folder`, in order.
    pub(crate) fn networks(folder: &Path) -> Result<Vec<usize>> {
        let folder = folder.join(CHECKPOINTS);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|source| Error::cannot_read(&folder, source))?,
        };
        let index = |name: &str| name.strip_prefix(FOLD)?.parse().ok();
        let mut networks: Vec<_> =
            entries.flatten().filter_map(|entry| index(entry.file_name().to_str()?)).collect();
        networks.sort_unstable();
        Ok(networks)
    }

    /// Writes a checkpoint, and then removes those before the last two.
    pub(crate) fn save(&self, checkpoint: &Checkpoint) -> Result<()> {
        if let Some(place) = &self.place {
            place.check()?;
        }
        create_folders(&self.folder)?;
        let Checkpoint { identity, trainer, rows, epochs, seconds, best, residuals } = checkpoint;
        let mut tensors = trainer.tensors.clone();
        tensors.extend(best.iter().map(|(name, tensor)| (format!("{BEST}{name}"), tensor.clone())));
        tensors.insert(ROWS.to_owned(), Tensor::from_slice(rows, rows.len(), &Device::Cpu)?);
        tensors.insert(EPOCHS.to_owned(), tensor_of(epochs)?);
        for (member, sizes) in residuals.iter().enumerate() {
            let sizes = Tensor::from_slice(sizes, sizes.len(), &Device::Cpu)?;
            tensors.insert(format!("{RESIDUALS}{member}"), sizes);
        }
        let content = Content {
            identity: identity.clone(),
            progress: trainer.progress.clone(),
            epochs: Vec::new(),
            seconds: *seconds,
        };
        // Of both trainings, since the second counts its own from 0.
        let (epoch, step) = (epochs.len(), trainer.progress.step);
        let path = self.folder.join(format!("epoch-{epoch:06}-step-{step:09}.safetensors"));
        write_exclusive(&path, &seal(KIND, FORMAT, content, &tensors)?)?;
        for old in self.files()?.iter().rev().skip(KEPT) {
            fs::remove_file(old).map_err(|source| Error::cannot_write(old, source))?;
        }
        Ok(())
    }

    /// The last checkpoint that is not damaged, if there is one. A damaged one is deleted with a warning, and
    /// its work is redone. One that cannot be read stays, and the one before it is used. One that is whole
    /// and cannot be used, such as that of a newer taper, is an error, and stays.
    pub(crate) fn last(&self) -> Result<Option<Checkpoint>> {
        let files = self.files()?;
        for (before, path) in files.iter().enumerate().rev() {
            let bytes = match fs::read(path).map_err(|source| Error::cannot_read(path, source)) {
                Err(error) if before > 0 => {
                    warn!("{error}; resuming from the checkpoint before it");
                    continue;
                }
                bytes => bytes?,
            };
            match read(&bytes, self.index) {
                Ok(checkpoint) => return Ok(Some(checkpoint)),
                Err(problem) if is_whole(&bytes) => return Err(Error::data(path.display(), problem)),
                Err(problem) => {
                    let next = if before > 0 {
                        "resuming from the one before it"
                    } else {
                        "there is none before it, starting over"
                    };
                    warn!("{} {problem}; {next}", path.display());
                    fs::remove_file(path).map_err(|source| Error::cannot_write(path, source))?;
                }
            }
        }
        Ok(None)
    }

    /// As [`last`](Self::last), but read-only: every file stays, with a warning about those that cannot be
    /// used.
    pub(crate) fn last_whole(&self) -> Result<Option<Checkpoint>> {
        for (before, path) in self.names()?.1.iter().enumerate().rev() {
            let bytes = fs::read(path).map_err(|error| format!("cannot be read: {error}"));
            match bytes.and_then(|bytes| read(&bytes, self.index)) {
                Ok(checkpoint) => return Ok(Some(checkpoint)),
                Err(problem) => {
                    let shown =
                        if before > 0 { "the one before it is used" } else { "this network is left out" };
                    warn!("{} {problem}; for the weights, {shown}", path.display());
                }
            }
        }
        Ok(None)
    }

    /// The files, the oldest first. Partial files that a killed process left are removed.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let (left, files) = self.names()?;
        for path in left {
            fs::remove_file(&path).map_err(|source| Error::cannot_write(&path, source))?;
        }
        Ok(files)
    }

    /// The partial files that a killed process left, and the complete ones, the oldest first.
    fn names(&self) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), Vec::new())),
            entries => entries.map_err(|source| Error::cannot_read(&self.folder, source))?,
        };
        let paths: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
        let paths = paths.map_err(|source| Error::cannot_read(&self.folder, source))?;
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (left, paths): (Vec<_>, Vec<_>) =
            paths.into_iter().partition(|path| name(path).starts_with(".epoch-"));
        let mut paths: Vec<_> =
            paths.into_iter().filter_map(|path| Some((step_of(&name(&path))?, path))).collect();
        paths.sort();
        Ok((left, paths.into_iter().map(|(_, path)| path).collect()))
    }
}

/// The epoch and the step of the checkpoint in a file of this name.
fn step_of(name: &str) -> Option<(usize, usize)> {
    let (epoch, step) = name.strip_prefix("epoch-")?.strip_suffix(".safetensors")?.split_once("-step-")?;
    Some((epoch.parse().ok()?, step.parse().ok()?))
}

/// Whether a file of this name is a checkpoint, or what is left of one that was not completed.
pub(super) fn is_checkpoint(name: &str) -> bool {
    step_of(name).is_some()
        || name
            .strip_prefix('.')
            .and_then(|name| name.strip_suffix(".partial"))
            .is_some_and(|name| step_of(name).is_some())
}

/// The checkpoint of network `index` in the file of the content `bytes`.
fn read(bytes: &[u8], index: usize) -> Result<Checkpoint, String> {
    let (content, mut tensors): (Content, BTreeMap<_, _>) = unseal(KIND, FORMAT, bytes)?;
    let rows = tensors.remove(ROWS).ok_or("has no order of the rows")?;
    let rows = rows.to_vec1().map_err(|error| format!("has no order of the rows: {error}"))?;
    let Content { identity, progress, epochs: in_header, seconds } = content;
    let epochs = tensors.remove(EPOCHS).map(|tensor| epochs_in(&tensor, index)).transpose();
    let epochs =
        epochs.map_err(|error| format!("has no results of the epochs: {error}"))?.unwrap_or(in_header);
    let residuals = (0..).map_while(|member| tensors.remove(&format!("{RESIDUALS}{member}")));
    let residuals: Result<_, _> = residuals.map(|sizes| sizes.to_vec1()).collect();
    let residuals = residuals.map_err(|error| format!("has no sizes of errors: {error}"))?;
    let (best, tensors): (BTreeMap<_, _>, _) =
        tensors.into_iter().partition(|(name, _)| name.starts_with(BEST));
    let best = best.into_iter().map(|(name, tensor)| (name[BEST.len()..].to_owned(), tensor)).collect();
    let trainer = TrainerState { progress, tensors };
    Ok(Checkpoint { identity, trainer, rows, epochs, seconds, best, residuals })
}

impl Checkpoint {
    /// The parameter `name` of the network that is taken if training ends here.
    ///
    /// # Errors
    ///
    /// Fails when there is none.
    pub(crate) fn parameter(&self, name: &str) -> candle_core::Result<&Tensor> {
        self.best.get(name).map_or_else(|| self.trainer.parameter(name), Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CvConfig, TargetTransform};
    use crate::metrics::Metrics;

    fn checkpoint(epoch: usize, step: usize) -> Checkpoint {
        let (updates, last_loss) = (BTreeMap::new(), Some(0.1));
        let progress = Progress { epoch, step, loss: 0.1, last_loss, shuffle: 7, depth: 9, updates };
        let tensors = BTreeMap::from([("a".to_owned(), Tensor::new(&[1f32, 2.], &Device::Cpu).unwrap())]);
        let identity = Identity::new("cv", &CvConfig::default(), Vec::new());
        let test = Metrics { mse: 0.25, rmse: 0.5, mae: 0.1 + 0.2, r2: (epoch != 1).then_some(-5.) };
        // The last third is a second training.
        let first = epoch - epoch / 3;
        let record = |i| EpochRecord {
            fold: 0,
            epoch: if i < first { i } else { i - first },
            member: epoch.is_multiple_of(3).then_some(1),
            refit: i >= first,
            target_transform: epoch.is_multiple_of(2).then_some(TargetTransform::Log),
            train_loss: 1. / 3.,
            validation_loss: (i < first).then_some(1. / 7.),
            test: (i != 1).then_some(test),
            lr: 1e-3,
            seconds: 0.5,
        };
        let epochs = (0..epoch).map(record).collect();
        Checkpoint {
            identity,
            trainer: TrainerState { progress, tensors },
            rows: vec![2, 0],
            epochs,
            seconds: 0.5,
            best: BTreeMap::from([("a".to_owned(), Tensor::new(&[3f32], &Device::Cpu).unwrap())]),
            residuals: if epoch > 9 { vec![vec![0.1, 0.3], vec![0.2]] } else { Vec::new() },
        }
    }

    fn in_folder(name: &str, test: impl FnOnce(&Checkpoints)) {
        let folder = std::env::temp_dir().join(format!("taper-checkpoints-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        test(&Checkpoints::of(&folder, 0));
        let _ = fs::remove_dir_all(folder);
    }

    fn place(checkpoints: &Checkpoints) -> Option<(usize, usize)> {
        let last = checkpoints.last().unwrap()?;
        Some((last.epochs.len(), last.trainer.progress.step))
    }

    #[test]
    fn the_last_two_are_kept_and_the_last_is_read() {
        in_folder("kept", |checkpoints| {
            assert_eq!(place(checkpoints), None);
            // Also where numbers have more digits than their place in the name.
            for (epoch, step) in [(0, 9), (0, 10), (1, 0), (10, 0), (999_999, 0), (1_000_000, 0)] {
                checkpoints.save(&checkpoint(epoch, step)).unwrap();
                assert_eq!(place(checkpoints), Some((epoch, step)));
            }
            assert_eq!(checkpoints.files().unwrap().len(), 2);
            let last = checkpoints.last().unwrap().unwrap();
            assert_eq!((&last.rows, last.seconds), (&vec![2, 0], 0.5));
            assert_eq!(last.residuals, [vec![0.1, 0.3], vec![0.2]]);
            assert!(last.epochs == checkpoint(1_000_000, 0).epochs);
            assert_eq!(last.trainer.tensors["a"].to_vec1::<f32>().unwrap(), [1., 2.]);
            assert_eq!(last.trainer.tensors.len(), 1);
            assert_eq!(last.parameter("a").unwrap().to_vec1::<f32>().unwrap(), [3.]);
            assert_eq!(last.trainer.progress, checkpoint(1_000_000, 0).trainer.progress);
        });
    }

    /// The header of a file has at most 100 MB.
    #[test]
    fn there_is_room_for_many_epochs() {
        in_folder("many", |checkpoints| {
            checkpoints.save(&checkpoint(400_000, 0)).unwrap();
            assert!(checkpoints.last().unwrap().unwrap().epochs == checkpoint(400_000, 0).epochs);
        });
    }

    #[test]
    fn a_checkpoint_that_cannot_be_read_is_passed_over_and_stays() {
        in_folder("unreadable", |checkpoints| {
            checkpoints.save(&checkpoint(1, 0)).unwrap();
            let folder = checkpoints.folder.join("epoch-000002-step-000000000.safetensors");
            fs::create_dir(&folder).unwrap();
            assert_eq!(place(checkpoints), Some((1, 0)));
            assert_eq!(checkpoints.last_whole().unwrap().unwrap().trainer.progress.epoch, 1);
            assert!(folder.exists());
            // Alone it is an error, since there may be much work in it.
            fs::remove_file(checkpoints.files().unwrap().remove(0)).unwrap();
            assert!(checkpoints.last().unwrap_err().to_string().contains("cannot be read"));
        });
    }

    /// Whatever byte is wrong, and wherever the file ends, the one before it is read.
    #[test]
    fn a_damaged_checkpoint_is_passed_over() {
        in_folder("damaged", |checkpoints| {
            checkpoints.save(&checkpoint(1, 0)).unwrap();
            checkpoints.save(&checkpoint(2, 0)).unwrap();
            let path = checkpoints.files().unwrap().pop().unwrap();
            let bytes = fs::read(&path).unwrap();
            for i in 0..bytes.len() {
                let mut flipped = bytes.clone();
                flipped[i] ^= 1 << (i % 8);
                assert!(read(&flipped, 0).is_err(), "byte {i}");
                assert!(read(&bytes[..i], 0).is_err(), "the first {i} bytes");
            }
            for damaged in [&bytes[..0], &bytes[..bytes.len() / 2]] {
                fs::write(&path, damaged).unwrap();
                let looked = checkpoints.last_whole().unwrap().unwrap();
                assert_eq!(looked.trainer.progress.epoch, 1);
                assert!(path.exists());
                assert_eq!(place(checkpoints), Some((1, 0)));
                assert!(!path.exists());
            }
            // Of a newer taper, say: nothing is wrong with it, so it is not to be removed.
            let newer = seal(KIND, FORMAT + 1, (), &BTreeMap::new()).unwrap();
            fs::write(&path, newer).unwrap();
            assert_eq!(checkpoints.last_whole().unwrap().unwrap().trainer.progress.epoch, 1);
            let error = checkpoints.last().unwrap_err().to_string();
            assert!(error.contains("has the format 5 of a checkpoint"), "{error}");
            assert!(path.exists());
        });
    }
}
