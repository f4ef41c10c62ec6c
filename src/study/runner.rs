//! The carrying out of tasks, and the keeping of their outcomes.

use std::fs;
use std::time::{Duration, Instant};

use tracing::{info_span, trace, warn};

use super::folder::StudyFolder;
use super::outcome::{Outcome, TaskResult};
use super::segment::SegmentWriter;
use super::worker::Workers;
use crate::error::{Error, Result};
use crate::stop::{Stop, StopReason};
use crate::storage::write_atomically;
use crate::telemetry::PROGRESS;

/// The size of a segment from which the next outcomes go to another one: a segment is written as a whole each
/// time that it grows.
const SEGMENT_BYTES: usize = 4 << 20;

/// How tasks of a study are carried out.
#[derive(Debug, Clone)]
pub struct Runner<'a> {
    /// The study.
    pub folder: &'a StudyFolder,
    /// The part of the segments that outcomes go to: `local`, or the number of a wave.
    pub part: String,
    /// What the names of the segments begin with, by which those of a shard are found again.
    pub prefix: String,
    /// How many tasks are carried out at a time.
    pub jobs: usize,
    /// How often others see the outcomes. A process that is killed loses those that they have not seen.
    pub publish_every: Duration,
    /// The tasks that may fail before no other is begun.
    pub max_failures: Option<u64>,
}

/// What came of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ran {
    /// The tasks that were carried out, the failed ones with them.
    pub done: u64,
    /// The tasks that cannot be trained.
    pub failed: u64,
    /// The tasks that have no outcome.
    pub left: u64,
    /// Why there are any.
    pub stopped: Option<StopReason>,
}

impl Runner<'_> {
    /// Checks that files written here are read back, as they are not on a file system that is full, or of
    /// which this machine has lost sight.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when they are not.
    pub fn check(&self) -> Result<()> {
        let path = self.folder.new_file(&self.part, &format!("check-{}", self.prefix), "tmp")?;
        let content = self.folder.id().as_bytes();
        let written = write_atomically(&path, content);
        let read = written.and_then(|()| fs::read(&path).map_err(|error| Error::cannot_read(&path, error)));
        // It may not be there at all.
        let _ = fs::remove_file(&path);
        if read? == content {
            return Ok(());
        }
        Err(Error::cannot_read(&path, std::io::Error::other("it has not the content that was written to it")))
    }

    /// Carries out `tasks` until `stop` says so, in this order but for those that come after all others: as
    /// many of the first as there were attempts before, so that a task that ends its process, for want of
    /// memory say, does not keep the others from being done.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Settings`] when the data are others than those of the plan, and with
    /// [`Error::File`] when outcomes cannot be written; those that were published before stay.
    pub fn run(&self, tasks: &[u64], stop: &Stop) -> Result<Ran> {
        if tasks.is_empty() {
            return Ok(Ran::default());
        }
        let plan = self.folder.plan();
        let stop = stop.child();
        let attempts = self.folder.segment_files_of(&self.part, &self.prefix)?.len();
        let mut tasks = tasks.to_vec();
        let count = tasks.len();
        tasks.rotate_left(attempts % count);
        let _span = info_span!("study", tasks = count).entered();
        let mut ran = Ran::default();
        let mut kept = Kept { runner: self, writer: self.writer()?, published: Instant::now() };
        kept.writer.begin()?;
        let take = |outcome: Option<Outcome>| {
            if let Some(outcome) = outcome {
                ran.done += 1;
                if let TaskResult::Failed(problem) = &outcome.result {
                    ran.failed += 1;
                    warn!("{} failed: {problem}", plan.name_of(outcome.task));
                    if self.max_failures.is_some_and(|most| ran.failed > most) {
                        stop.cancel();
                    }
                }
                kept.writer.push(&outcome)?;
                trace!(target: PROGRESS, delta = 1u64);
            }
            kept.publish_if_due()
        };
        let worked = Workers::new(plan, self.jobs, &stop).run(&tasks, take);
        // Whatever ended the work, what there is is kept.
        let published = kept.writer.publish();
        worked.and(published)?;
        ran.left = count as u64 - ran.done;
        ran.stopped = stop.reason().filter(|_| ran.left > 0);
        Ok(ran)
    }

    fn writer(&self) -> Result<SegmentWriter> {
        self.folder.segment(&self.part, &self.prefix)
    }
}

/// Outcomes that are kept in segments.
struct Kept<'a> {
    runner: &'a Runner<'a>,
    writer: SegmentWriter,
    published: Instant,
}

impl Kept<'_> {
    fn publish_if_due(&mut self) -> Result<()> {
        let is_full = self.writer.bytes() > SEGMENT_BYTES;
        if is_full || self.published.elapsed() >= self.runner.publish_every {
            self.writer.publish()?;
            self.published = Instant::now();
        }
        if is_full {
            self.writer = self.runner.writer()?;
        }
        Ok(())
    }
}
