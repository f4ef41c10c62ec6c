//! Studies: which of several arms, each a set of settings, errs least on several data sets, how sure that is,
//! and on as many machines as there are.
//!
//! A [`Description`] is what a user writes; [`Plan`] is made of it once and never changes. It has a task for
//! each data set, repetition, fold and arm, in this order, so that a task is a number, and whoever has the
//! plan knows what to do. A task is a pure function of the plan: where it runs, when, and how often makes no
//! difference to its [`Outcome`]. Outcomes are kept in [segments](Segment), files with one writer each, and
//! [merged](Merged) by anybody at any time. So there is no lock, no server and no database, and a process can
//! be killed at any moment.

mod description;
mod findings;
mod folder;
mod merge;
mod outcome;
mod plan;
mod planning;
mod runner;
mod segment;
mod status;
mod tables;
mod wave;
mod worker;

pub use description::{Description, Match};
pub use findings::{Cost, Course, Findings};
pub use folder::StudyFolder;
pub use merge::Merged;
pub use outcome::{Outcome, Scores, TaskResult};
pub use plan::{DataSet, Plan, Task};
pub use planning::plan;
pub use runner::{Ran, Runner};
pub use segment::{Segment, SegmentWriter};
pub use status::{Counts, Status};
pub use wave::Wave;
pub use worker::{Workers, fingerprint};
