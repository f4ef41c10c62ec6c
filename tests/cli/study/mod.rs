//! Studies.

mod attempts;
mod kills;
mod refused;
mod reported;
mod results;
mod submitted;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{stderr, taper};

/// Three arms, one of which is trained for longer since it does less.
pub(super) const THREE_ARMS: &str = "\
    reference = 'fixed'\n\
    folds = 3\n\
    repeats = 2\n\
    seed = 5\n\
    [base.train]\nepochs = 3\nbatch_size = 16\n\
    [base.model]\nhidden = 8\n\
    [arms.fixed.model]\nmin_depth = 4\n\
    [arms.random]\n\
    [arms.shallow.model]\nmin_depth = 1\nmax_depth = 1\n\
    [data.made]\nrows = 90\nfeatures = 3\n\
    [data.table]\nfile = 'table.csv'\ntarget = ['y']\nrepeats = 1\n";

/// A folder with a table and studies of it.
pub(super) struct Studies(TempDir);

impl Studies {
    pub(super) fn new() -> Self {
        let studies = Self(tempfile::tempdir().unwrap());
        let mut table = "a,b,y\n".to_owned();
        for i in 0..60 {
            let (a, b) = (f64::from(i * 7 % 13), f64::from(i * 5 % 11));
            writeln!(table, "{a},{b},{}", a - 0.3 * b * b).unwrap();
        }
        fs::write(studies.path("table.csv"), table).unwrap();
        studies
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The path of `name` as an argument.
    pub(super) fn argument(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Writes the study `text` as `name`.toml, with the table's path, and plans it in the folder `name`.
    pub(super) fn plan(&self, name: &str, text: &str) -> String {
        let file = format!("{name}.toml");
        fs::write(self.path(&file), text.replace("table.csv", &self.argument("table.csv"))).unwrap();
        let folder = self.argument(name);
        let output = taper(&["study", "plan", "-q", &self.argument(&file), "--out", &folder]);
        assert!(output.status.success(), "{}", stderr(&output));
        folder
    }

    /// Plans, runs and merges a study.
    pub(super) fn whole(&self, name: &str, text: &str) -> String {
        let folder = self.plan(name, text);
        for command in ["run", "merge"] {
            let output = taper(&["study", command, "-q", &folder]);
            assert!(output.status.success(), "{}", stderr(&output));
        }
        folder
    }
}

/// The merged results of the study in `folder`, byte for byte.
pub(super) fn merged(folder: &str) -> String {
    fs::read_to_string(Path::new(folder).join("merged/results.jsonl")).unwrap()
}

/// The lines of the merged results.
pub(super) fn lines(folder: &str) -> Vec<Value> {
    merged(folder).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The segments of a part of a study.
pub(super) fn segments(folder: &str, part: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(Path::new(folder).join("segments").join(part)).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|ending| ending == "seg")).collect();
    files.sort();
    files
}
