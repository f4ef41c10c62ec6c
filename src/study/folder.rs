//! The folder of a study, on a file system that all machines see.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::env;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use sha2::{Digest, Sha256};
use sysinfo::System;

use super::plan::Plan;
use super::segment::{ENDING, Segment, SegmentWriter};
use super::worker::fingerprint;
use crate::build_info;
use crate::error::{Error, Result};
use crate::storage::{create_folders, hex, write_atomically};

/// The folder of a study: `plan.json`, which never changes, `segments/`, to which every process that runs
/// tasks adds a file of its own, and `merged/`, which anybody may write again.
#[derive(Debug)]
pub struct StudyFolder {
    path: PathBuf,
    plan: Plan,
    id: String,
}

/// What a job of a scheduler is recognised by, in the order in which an attempt is named after them: of
/// Slurm, HyperQueue and Kubernetes.
const JOBS: [&str; 6] = [
    "SLURM_ARRAY_JOB_ID",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_RESTART_COUNT",
    "HQ_JOB_ID",
    "HQ_INSTANCE_ID",
    "JOB_COMPLETION_INDEX",
];

impl StudyFolder {
    /// Makes the folder `path` with `plan`, or opens it if it has the same.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] when there is another plan, or when files are there that are no study's,
    /// and with [`Error::File`] when the folder cannot be written.
    pub fn create(path: &Path, plan: Plan) -> Result<Self> {
        let (file, bytes) = (path.join("plan.json"), plan.to_bytes()?);
        let refused = |problem: &str| Err(Error::config("out", format!("is {}, {problem}", path.display())));
        match fs::read(&file) {
            Ok(there) if there == bytes => return Self::open(path),
            Ok(_) => {
                return refused("which has another plan, and a plan never changes; expected a new folder");
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::cannot_read(&file, error)),
        }
        if fs::read_dir(path).is_ok_and(|mut files| files.next().is_some()) {
            return refused("which has files that are no study's; expected a new or an empty folder");
        }
        create_folders(path)?;
        write_atomically(&file, &bytes)?;
        Self::open(path)
    }

    /// Opens the folder of a study.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when there is no plan that can be read, and with [`Error::Settings`] when
    /// it is damaged or of a later version.
    pub fn open(path: &Path) -> Result<Self> {
        let file = path.join("plan.json");
        let bytes = fs::read(&file).map_err(|error| Error::cannot_read(&file, error))?;
        let refused = |problem: &str| Error::settings(format!("{} {problem}", file.display()));
        let plan: Plan = serde_json::from_slice(&bytes)
            .map_err(|error| refused(&format!("is damaged, or of another version: {error}")))?;
        match plan.problem() {
            Some(problem) => Err(refused(&problem)),
            None => Ok(Self { path: path.to_owned(), plan, id: hex(&Sha256::digest(&bytes)) }),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The SHA-256 sum of the plan's file, by which the study is recognised.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Begins a segment in the part `part` of the segments, under a name that begins with `prefix` and that
    /// no other process takes.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the folder cannot be made.
    pub fn segment(&self, part: &str, prefix: &str) -> Result<SegmentWriter> {
        let path = self.new_file(part, prefix, ENDING)?;
        let attempt = path.file_stem().unwrap_or_default().to_string_lossy();
        let taper = build_info::FACTS.lines().next().unwrap_or_default();
        let header = SegmentWriter::header(&self.id, &attempt, &host(), &fingerprint()?, taper);
        SegmentWriter::new(path, &header)
    }

    /// A path in the part `part` of the segments that no other process takes.
    pub(super) fn new_file(&self, part: &str, prefix: &str, ending: &str) -> Result<PathBuf> {
        let folder = self.path.join("segments").join(part);
        create_folders(&folder)?;
        let jobs = JOBS.iter().filter_map(|job| env::var(job).ok());
        let names = [prefix.to_owned()].into_iter().filter(|prefix| !prefix.is_empty()).chain(jobs);
        let names = names.chain([host(), process::id().to_string(), random_digits()]);
        let name = names.map(|name| as_file_name(&name)).collect::<Vec<_>>().join("-");
        Ok(folder.join(format!("{name}.{ending}")))
    }

    /// The files of all segments, in the order of their names.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when a folder cannot be read.
    pub fn segment_files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for part in entries(&self.path.join("segments"))? {
            if part.is_dir() {
                files.extend(entries(&part)?.into_iter().filter(|file| is_segment(file)));
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    /// Gives each segment to `take`, and returns what is wrong with those that cannot be read.
    ///
    /// # Errors
    ///
    /// As [`segment_files`](Self::segment_files).
    pub fn for_each_segment(&self, take: impl FnMut(Segment)) -> Result<Vec<String>> {
        Ok(self.read_segments(self.segment_files()?, take))
    }

    /// Gives the segments in `files` to `take`, and returns what is wrong with those that cannot be read.
    fn read_segments(&self, files: Vec<PathBuf>, mut take: impl FnMut(Segment)) -> Vec<String> {
        let mut problems = Vec::new();
        for file in files {
            match Segment::read(&file, &self.id) {
                Ok(segment) => take(segment),
                Err(error) => problems.push(format!("{error}; it is left out")),
            }
        }
        problems
    }

    /// The numbers of all tasks without an outcome, and what is wrong with segments that cannot be read.
    ///
    /// # Errors
    ///
    /// As [`segment_files`](Self::segment_files).
    pub fn missing(&self) -> Result<(Vec<u64>, Vec<String>)> {
        let count = usize::try_from(self.plan.len()).unwrap_or(usize::MAX);
        let mut is_done = vec![false; count];
        let problems = self.for_each_segment(|segment| {
            for outcome in segment.outcomes {
                if let Some(is_done) =
                    usize::try_from(outcome.task).ok().and_then(|task| is_done.get_mut(task))
                {
                    *is_done = true;
                }
            }
        })?;
        let missing = (0..).zip(is_done).filter(|(_, is_done)| !is_done).map(|(task, _)| task);
        Ok((missing.collect(), problems))
    }

    /// Those of `tasks` without an outcome in the segments of `part` whose names begin with `prefix`: a shard
    /// reads what it has done before, and not what all others have.
    ///
    /// # Errors
    ///
    /// As [`segment_files`](Self::segment_files).
    pub fn missing_of(
        &self,
        mut tasks: Vec<u64>,
        part: &str,
        prefix: &str,
    ) -> Result<(Vec<u64>, Vec<String>)> {
        let mut done = HashSet::new();
        let problems = self.read_segments(self.segment_files_of(part, prefix)?, |segment| {
            done.extend(segment.outcomes.iter().map(|outcome| outcome.task));
        });
        tasks.retain(|task| !done.contains(task));
        Ok((tasks, problems))
    }

    /// The files of the segments of `part` whose names begin with `prefix`, of which there is at least one
    /// for each attempt that was begun.
    pub(super) fn segment_files_of(&self, part: &str, prefix: &str) -> Result<Vec<PathBuf>> {
        let start = if prefix.is_empty() { String::new() } else { format!("{prefix}-") };
        let begins =
            |file: &Path| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&start));
        let files = entries(&self.path.join("segments").join(part))?;
        Ok(files.into_iter().filter(|file| is_segment(file) && begins(file)).collect())
    }
}

/// Whether a file is a segment by its name.
fn is_segment(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == ENDING) && file.is_file()
}

/// The name of this machine.
fn host() -> String {
    System::host_name().unwrap_or_else(|| "unknown".to_owned())
}

/// What is in `folder`; nothing if it is not there.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = |error| Error::cannot_read(folder, error);
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry.map_err(cannot)?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(cannot(error)),
    }
}

/// `name` with letters, digits, points and hyphens alone.
fn as_file_name(name: &str) -> String {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    name.chars().take(64).map(|c| if is_fine(c) { c } else { '_' }).collect()
}

/// Eight digits that no other process has, by what the system seeds a hash map with.
fn random_digits() -> String {
    format!("{:08x}", RandomState::new().build_hasher().finish() & 0xffff_ffff)
}
