//! Files that a crash cannot spoil: written whole or not at all, and sealed with a checksum.

mod atomic;
mod sealed;
mod sync;

pub use atomic::{AtomicFile, resolve_parent, write_atomically};
pub(crate) use atomic::{partial, read_json, write_exclusive};
pub(crate) use sealed::{hex, is_whole, seal, unseal};
pub use sync::create_folders;
