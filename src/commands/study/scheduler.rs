//! What schedulers are given, and calls of their programs.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use taper::text::shell_quote;

/// A wave that is to be submitted.
pub(super) struct Submission {
    /// The absolute path of the program.
    pub(super) taper: PathBuf,
    /// The absolute path of the study's folder.
    pub(super) study: PathBuf,
    /// The number of the wave.
    pub(super) wave: u32,
    /// The number of its shards.
    pub(super) shards: usize,
    /// What the user gives to the scheduler.
    pub(super) arguments: Vec<String>,
    /// Whether to print only.
    pub(super) dry_run: bool,
}

/// A call as it is typed.
pub(super) fn typed(call: &[String]) -> String {
    call.iter().map(|word| shell_quote(word)).collect::<Vec<_>>().join(" ")
}

/// What the program of a scheduler prints.
pub(super) fn output(call: &[String]) -> Result<String> {
    let [program, arguments @ ..] = call else { bail!("there is no program to call") };
    let output =
        Command::new(program).args(arguments).output().with_context(|| format!("cannot call {program}"))?;
    let [said, refused] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
    if !output.status.success() {
        bail!("`{}` failed, {}: {refused}", typed(call), output.status);
    }
    Ok(said)
}
