//! The folders of runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use candle_core::{DType, Device};
use rand::Rng;
use rand::seq::IndexedRandom;
use taper::config::{
    CvConfig, DataConfig, FileConfig, FloatType, Missing, ModelConfig, TrainConfig, ValidConfig,
};
use taper::data::{DataSummary, Dataset, read, synthetic};
use taper::random::{Stream, generator};
use taper::report::{CvReport, html};
use taper::run::{Environment, Identity, RunDirectory, RunOptions, RunRecord};
use taper::{Partition, Result, cross_validate};
use tempfile::tempdir;

use super::mutate::mutate;
use super::{fuzz, sealed};

const FILES: [&str; 5] =
    ["config.toml", "environment.json", "metrics.jsonl", "predictions.csv", "results.json"];
const SETTINGS: &str = "folds = 2\n[data]\nrows = 12\nfeatures = 2\n[model]\nhidden = 4\nmax_depth = 2\n\
                        [train]\nepochs = 3\nbatch_size = 3\n";
const WORDS: &[&str] = &[
    "null",
    "true",
    "[",
    "]",
    "{",
    "}",
    ",",
    "\"",
    ":",
    "\n",
    "\"mse\":",
    "\"2\":",
    "\"fold\":0",
    "folds = 3\n",
    "train",
    "depth_3",
    "prediction",
    ",,",
    "\u{202e}",
    "\0",
];

fn config() -> CvConfig {
    CvConfig {
        data: DataConfig { rows: 12, features: 2, ..DataConfig::default() },
        model: ModelConfig { hidden: 4, max_depth: 2, ..ModelConfig::default() },
        train: TrainConfig { epochs: 3, batch_size: 3, ..TrainConfig::default() },
        folds: 2,
        ..CvConfig::default()
    }
}

/// A run in progress: its settings, its data, and by what it is recognised.
struct Run {
    config: ValidConfig,
    identity: Identity,
    data: Dataset,
}

impl Run {
    fn new() -> Self {
        let config = config().validate().unwrap();
        let identity = Identity::new("cv", &config, Vec::new());
        let data = synthetic(12, 2, 0.1, generator(1, Stream::Data, 0), DType::F32, &Device::Cpu).unwrap();
        Self { config, identity, data }
    }

    /// Begins the run in the folder at `path`, or resumes it from the checkpoints there.
    fn go(&self, directory: &RunDirectory) -> Result<CvReport> {
        let options = RunOptions { keep: Some((directory, &self.identity)), ..RunOptions::default() };
        let folds = Partition::new(&self.data, 2, 1, self.config.seed)?;
        let results = cross_validate(&self.data, &self.config.learner(), &folds, &[Device::Cpu], &options)?;
        directory.write_predictions(&results.predictions)?;
        Ok(CvReport::new(self.config.clone(), None, results))
    }

    /// Makes all of the run in the folder at `path`, with a checkpoint after each step, but for its manifest,
    /// whose sums would refuse what is changed: as earlier versions wrote it.
    fn make(&self, path: &Path) {
        let directory = RunDirectory::create(path, true, &self.identity, SETTINGS).unwrap();
        let directory = directory.checkpoint_every(Duration::ZERO);
        let environment = Environment::now("cv", vec!["taper".to_owned()], &[Device::Cpu], Vec::new());
        directory.write_environment(&environment).unwrap();
        let data = Some(summary(path));
        directory.write_results(&CvReport { data, ..self.go(&directory).unwrap() }).unwrap();
        fs::remove_file(path.join("run.json")).unwrap();
    }
}

/// A summary of data with columns of each kind, as a run on a file has one; the file is in `folder`.
fn summary(folder: &Path) -> DataSummary {
    let file = folder.join("data.csv");
    fs::write(&file, "id,town,group,a,y\n1,Ulm,x,,2\n2,Bonn,x,3,3\n3,Ulm,z,3,5\n").unwrap();
    let config = FileConfig {
        file,
        target: vec!["y".to_owned()],
        drop: vec!["id".to_owned()],
        group: Some("group".to_owned()),
        missing: Missing::Mean,
        ..FileConfig::default()
    };
    read(&config, FloatType::F32).unwrap().summary().unwrap()
}

/// Reads the run in `folder` and writes its report.
fn is_reported(folder: &Path) -> bool {
    let Ok(run) = RunRecord::read(folder) else { return false };
    let page = html(&run);
    assert!(page.ends_with("</html>\n") && page.len() < 1 << 22, "{} bytes", page.len());
    true
}

#[test]
fn damaged_runs() {
    let folder = tempdir().unwrap();
    Run::new().make(folder.path());
    assert!(is_reported(folder.path()));
    let files = FILES.map(|name| (folder.path().join(name), fs::read(folder.path().join(name)).unwrap()));
    fuzz(60, move |_, rng| {
        let (path, whole) = files.choose(rng).unwrap();
        let mut bytes = whole.clone();
        mutate(rng, &mut bytes, WORDS);
        fs::write(path, bytes).unwrap();
        let is_reported = is_reported(folder.path());
        fs::write(path, whole).unwrap();
        is_reported
    });
}

/// Each bit of the files is flipped in turn, and each byte becomes a digit; of them all, as many as there are
/// cases, evenly.
#[test]
fn flipped_bytes_of_runs() {
    let folder = tempdir().unwrap();
    Run::new().make(folder.path());
    let files = FILES.map(|name| (folder.path().join(name), fs::read(folder.path().join(name)).unwrap()));
    let places: Vec<_> =
        (0..files.len()).flat_map(|i| (0..files[i].1.len()).map(move |at| (i, at))).collect();
    fuzz(60, move |case, _| {
        // The stride is a prime number, so that all places are reached.
        let (i, at) = places[case * 7919 % places.len()];
        let way = case / places.len() + case % places.len();
        let (path, whole) = &files[i];
        let mut bytes = whole.clone();
        match way % 10 {
            bit @ 0..8 => bytes[at] ^= 1 << bit,
            8 => bytes[at] = b'9',
            _ => bytes[at] = b'0',
        }
        fs::write(path, bytes).unwrap();
        let is_reported = is_reported(folder.path());
        fs::write(path, whole).unwrap();
        is_reported
    });
}

/// The checkpoints in the folder of a run, the last ones first.
fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(folder.join("checkpoints")).unwrap();
    let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files.reverse();
    files
}

/// Checkpoints of which somebody has changed what is behind the sum are reported, and resumed.
#[test]
fn checkpoints_behind_their_sums() {
    let folder = tempdir().unwrap();
    let run = Run::new();
    run.make(folder.path());
    let files: Vec<_> =
        checkpoints(folder.path()).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
    // Of each network one at its end, and one in the midst of an epoch.
    assert_eq!(files.len(), 4);
    fuzz(30, move |_, rng| {
        fs::remove_dir_all(folder.path().join("checkpoints")).unwrap();
        let of = rng.random_range(0..files.len());
        let (whole, path) = &files[of];
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, sealed::change(rng, whole)).unwrap();
        let is_reported = is_reported(folder.path());
        let resumed = RunDirectory::resume(folder.path(), &run.identity, SETTINGS);
        let is_resumed = resumed.is_ok_and(|directory| run.go(&directory).is_ok());
        fs::remove_file(folder.path().join("run.json")).unwrap();
        is_resumed && is_reported
    });
}
