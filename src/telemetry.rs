//! What the library tells of a run, through [`tracing`] alone: it shows nothing unless a subscriber is
//! installed.
//!
//! | span | what it is | fields |
//! |---|---|---|
//! | `read` | a file that is read | `file`, `bytes` |
//! | `cv` | a cross-validation | `folds`, `rows`, `features`, `on` |
//! | `fold`, `train` | the training of one network | `fold`, `epochs`; `rows`, `features`, `on`, `epochs` |
//! | `study` | tasks of a study that are carried out here | `tasks` |
//! | `epoch` | an epoch of it | `epoch`, `train_loss`, `seconds` |

/// The target of the events, at the level `TRACE`, that tell how far a span has come: the field `delta`
/// counts the bytes of `read`, the epochs of `fold` and `train` or the tasks of `study` that are done since
/// the event before.
pub const PROGRESS: &str = "taper::progress";
