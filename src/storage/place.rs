//! Where files are.

use std::fs;
use std::path::{Path, PathBuf};

/// `path` with its folder behind links: the same for all paths to a file or a link, whether it is there or not.
pub fn place(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (fs::canonicalize(folder), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}
