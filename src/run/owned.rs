//! Which files in a folder are a run's own.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::checkpoint::{FOLD, is_checkpoint};
use super::environment::Environment;
use super::layout::{CHECKPOINTS, CONFIG, ENVIRONMENT, FILES, LOCK, MANIFEST, files_of};
use super::manifest::Manifest;
use crate::error::{Error, Result};
use crate::storage::{partial, read_json};

/// The files of another run in the folder at `path`, which a new run of `command` replaces with `force`; none
/// where the folder is to be made or is empty.
///
/// # Errors
///
/// Fails with [`Error::Config`] of the key `out` when the folder is not to be taken.
pub(super) fn to_replace(path: &Path, command: &str, force: bool) -> Result<Vec<String>> {
    let refused = |problem: &str| Err(Error::config("out", format!("is {}, {problem}", path.display())));
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound && path.is_symlink() => {
            return refused("a link to a missing folder; expected the name of that folder, or another");
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            return refused("a file, expected a folder to make");
        }
        entries => entries.map_err(|source| Error::cannot_read(path, source))?,
    };
    // A run that was killed before it had said what it is may have left these.
    if entries.flatten().map(|entry| entry.file_name()).all(|name| is_leftover(&name)) {
        return Ok(Vec::new());
    }
    let Some(own) = files_of_run(path)? else {
        return refused("which has other files, expected a new or an empty folder");
    };
    if !force {
        return refused("which has a run; `resume` continues it, `force` replaces it");
    }
    let is_foreign = |name: &&str| !own.iter().any(|own| own == name) && is_there(&path.join(name));
    if let Some(name) = files_of(command).find(is_foreign) {
        return refused(&format!(
            "which has {name}, a file that its run did not write; expected it elsewhere"
        ));
    }
    if let Some(name) = own.iter().find(|name| path.join(name).is_dir()) {
        return refused(&format!(
            "which has a folder {name}, where its run wrote a file; expected it elsewhere"
        ));
    }
    // What is behind a link is not the run's.
    if path.join(CHECKPOINTS).is_symlink() {
        return refused(&format!("which has a link {CHECKPOINTS}, expected the folder of its run"));
    }
    Ok(own)
}

/// The names of the files of the run in the folder at `path`, if there is one.
fn files_of_run(path: &Path) -> Result<Option<Vec<String>>> {
    if let Some(manifest) = Manifest::read(path)? {
        return Ok(Some(manifest.names().cloned().collect()));
    }
    // Older versions wrote no manifest.
    let environment = read_json::<Environment>(&path.join(ENVIRONMENT)).ok();
    let environment = environment.filter(|_| path.join(CONFIG).is_file() && path.join(LOCK).is_file());
    Ok(environment.map(|environment| files_of(&environment.command).map(str::to_owned).collect()))
}

/// Refuses a folder at `path` without a run.
///
/// # Errors
///
/// Fails with [`Error::Config`] of the key `resume`.
pub(super) fn check_run(path: &Path) -> Result<()> {
    if path.join(MANIFEST).is_file() || path.join(CONFIG).is_file() {
        return Ok(());
    }
    let problem = format!("is {}, which has no {MANIFEST}, expected the folder of a run", path.display());
    Err(Error::config("resume", problem))
}

/// Removes the files `names` and all checkpoints of a run from the folder at `path`, and nothing else.
pub(super) fn remove(path: &Path, names: &[String]) -> Result<()> {
    for name in FILES.iter().filter(|name| names.iter().any(|own| own == *name)) {
        remove_file(&path.join(name))?;
    }
    let checkpoints = path.join(CHECKPOINTS);
    for folder in entries(&checkpoints)? {
        let is_own = name_of(&folder).to_str().is_some_and(|name| name.starts_with(FOLD));
        if !is_own {
            continue;
        }
        for file in entries(&folder)? {
            if name_of(&file).to_str().is_some_and(is_checkpoint) {
                remove_file(&file)?;
            }
        }
        remove_empty(&folder)?;
    }
    remove_empty(&checkpoints)
}

/// What is in the folder at `path`; nothing where there is none.
fn entries(path: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => {
            entries.and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>())
        }
    };
    entries.map_err(|source| Error::cannot_read(path, source))
}

fn name_of(path: &Path) -> OsString {
    path.file_name().unwrap_or_default().to_owned()
}

/// Removes the file at `path` if there is one.
pub(super) fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result.map_err(|source| Error::cannot_write(path, source)),
    }
}

/// Removes the folder at `path` unless it has something in it.
fn remove_empty(path: &Path) -> Result<()> {
    match fs::remove_dir(path) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::DirectoryNotEmpty
            ) =>
        {
            Ok(())
        }
        result => result.map_err(|source| Error::cannot_write(path, source)),
    }
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether a file of this name may be left of a run that was killed before it had written its manifest.
fn is_leftover(name: &OsStr) -> bool {
    name == LOCK || FILES.iter().chain([&MANIFEST]).any(|file| partial(Path::new(file)).as_os_str() == name)
}
