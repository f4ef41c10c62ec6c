//! Files that a crash cannot spoil: written whole or not at all, and sealed with a checksum.

mod atomic;
mod sealed;

pub(crate) use atomic::partial;
pub use atomic::{AtomicFile, write_atomically};
pub(crate) use sealed::{hex, is_whole, seal, unseal};
