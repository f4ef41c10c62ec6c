//! What the commands print.

use std::io::{self, Write};

use anyhow::{Context, Result};

/// Writes `text` to standard output.
pub(super) fn print(text: &str) -> Result<()> {
    readable(writeln!(io::stdout(), "{text}"))
}

/// The result of writing to standard output. A reader that has gone away, such as `head`, is not an error.
pub(crate) fn readable(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}
