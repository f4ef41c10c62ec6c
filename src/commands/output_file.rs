//! Files that a command is told to write.

use std::fs;
use std::path::{Path, PathBuf};

use taper::Error;

/// The file at `path`, which the flag of `key` names, behind links, if it may be written: it is none of the `inputs`, and is
/// there only with `force`. `instead` ends the sentence about what is no file.
pub(super) fn check(
    key: &'static str,
    path: &Path,
    inputs: &[&Path],
    force: bool,
    instead: &str,
) -> Result<PathBuf, Error> {
    let refused =
        |problem: &str| Err(Error::Config { key, problem: format!("is {}, {problem}", path.display()) });
    let Ok(metadata) = fs::metadata(path) else { return Ok(path.to_owned()) };
    if !metadata.is_file() {
        return refused(&format!("which is not a file; {instead}"));
    }
    let file = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if inputs.iter().any(|input| fs::canonicalize(input).is_ok_and(|input| input == file)) {
        return refused("which is read; expected another file");
    }
    if !force {
        return refused("which there is already; `--force` replaces it");
    }
    Ok(file)
}
