//! Files that a crash cannot spoil: written whole or not at all, and sealed with a checksum.

mod atomic;
mod sealed;

pub use atomic::{AtomicFile, write_atomically};
pub(crate) use sealed::{hex, seal, unseal};
