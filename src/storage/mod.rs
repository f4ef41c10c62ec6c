//! Files that a crash cannot spoil: written whole or not at all, and sealed with a checksum.

mod atomic;
mod place;
mod sealed;

pub use atomic::{AtomicFile, write_atomically};
pub(crate) use atomic::{partial, write_alone};
pub use place::place;
pub(crate) use sealed::{hex, is_whole, seal, unseal};
