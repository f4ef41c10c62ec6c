//! Calls of the programs of schedulers.

use std::process::Command;

use anyhow::{Context, Result, bail};
use taper::text::shell_quote;

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
