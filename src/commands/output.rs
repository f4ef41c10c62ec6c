//! What the commands print.

use std::env;
use std::io::{self, Write};

use anyhow::{Context, Result};
use terminal_size::{Width, terminal_size_of};

/// Writes `text` to standard output.
pub(super) fn print(text: &str) -> Result<()> {
    readable(writeln!(io::stdout(), "{text}"))
}

/// The columns that standard output has room for: those of the terminal, or of `COLUMNS`, or 80.
pub(super) fn width() -> usize {
    let terminal = terminal_size_of(io::stdout()).map(|(Width(columns), _)| columns.into());
    let told =
        || env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|&columns| columns > 0);
    terminal.or_else(told).unwrap_or(80)
}

/// The result of writing to standard output. A reader that has gone away, such as `head`, is not an error.
pub(crate) fn readable(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}
