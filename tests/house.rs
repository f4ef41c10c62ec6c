//! Nothing imports upward, and no two files need each other.
//!
//! The test reads all paths in `src` and `kernels/src` that lead to a file there: those of `use` and those
//! within the code, without comments and unit tests. A path leads to the file that defines the item: what a
//! `mod.rs` (or `lib.rs`) merely re-exports is followed to its home, and a re-export is not a use. So a
//! `mod.rs` that declares and re-exports needs no file, and only one that has code of its own can be part of
//! a circle. There one arrow is free: a file may use what an ancestor's `mod.rs` defines, since it is a part
//! of that module, as `ops/cos/cpu.rs` is of the operation in `ops/cos/mod.rs`.

// Clippy takes what is outside test functions for production code.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The floors of the house, the lowest first. A module may use those on lower floors, and none beside or
/// above it.
const FLOORS: &[&[&str]] = &[
    // The kit, which knows Candle alone.
    &["ops", "gradcheck", "random"],
    &["nn", "optim"],
    &["plan"],
    &["audit"],
    // The tool: what all of it uses,
    &["build_info", "memory", "stats", "stop", "telemetry", "text"],
    &["error"],
    &["config", "parallel", "statistics", "storage"],
    // data -> folds -> train -> metrics -> report,
    &["data"],
    &["convergence", "course", "metrics", "train"],
    &["evaluate", "partition", "validation"],
    &["explain", "results"],
    &["run"],
    &["compare", "intervals"],
    &["model"],
    &["onnx"],
    &["fit"],
    &["cross_validate", "study", "time_budget", "train_model"],
    &["baseline"],
    &["report"],
    // and the binary.
    &["cli"],
    &["commands"],
    &["guide", "lib", "main"],
];

/// A file of the crate.
struct File {
    /// Its path below `src`.
    path: String,
    /// The module that it is, without names for `lib.rs` and `main.rs`.
    module: Vec<String>,
    /// The paths in it.
    paths: Vec<Found>,
}

/// A path in a file.
struct Found {
    line: usize,
    segments: Vec<String>,
    /// What a re-export calls it.
    reexport: Option<String>,
}

struct House {
    files: Vec<File>,
}

#[test]
fn nothing_imports_upward_and_no_files_need_each_other() {
    let problems = House::read(Path::new(env!("CARGO_MANIFEST_DIR"))).problems();
    assert!(problems.is_empty(), "{} arrows are wrong:\n{}", problems.len(), problems.join("\n"));
}

/// The test can fail: each kind of wrong arrow is found, and those that are right are not.
#[test]
fn wrong_arrows_are_found() {
    let house = |files: &[(&str, &str)]| {
        House { files: files.iter().map(|(path, text)| File::new(path, text)).collect() }.problems()
    };
    let lib = ("lib.rs", "mod error;\nmod run;\npub use error::Error;\n");
    let error = ("error.rs", "pub struct Error;\n");
    let run = ("run/mod.rs", "mod a;\nmod b;\npub use a::A;\npub(crate) use b::{Z as B};\n");
    let a = ("run/a.rs", "use crate::Error;\nstruct A;\n");
    let b = ("run/b.rs", "use super::A;\n\n#[cfg(test)]\nmod tests {\n    use crate::report::X;\n}\n");
    assert_eq!(house(&[lib, error, run, a, b]), [""; 0]);

    let up = ("error.rs", "/// [`crate::run`]\npub struct Error(\n    Vec<crate::run::A>,\n);\n");
    assert_eq!(house(&[lib, up, run, a, b]), ["error.rs:3: uses run/a.rs, which is not on a lower floor"]);
    let circle = ("run/a.rs", "use crate::{\n    Error,\n    run::{B as C},\n};\n");
    let found =
        ["run/a.rs:1: needs run/b.rs, which needs it too", "run/b.rs:1: needs run/a.rs, which needs it too"];
    assert_eq!(house(&[lib, error, run, circle, b]), found);
    let code = ("run/mod.rs", "mod a;\nmod b;\npub use b::B;\npub use a::A;\nfn f() {\n    a::g()\n}\n");
    let back = ("run/a.rs", "fn g() {\n    super::f()\n}\n");
    assert_eq!(house(&[lib, error, code, back, b]), [""; 0]);
    let late = (
        "error.rs",
        "struct Error;\n\n#[cfg(test)]\nmod tests {\n    use X;\n}\n\nfn f() { crate::run::a::g() }\n",
    );
    assert_eq!(house(&[lib, late, run, a, b]), ["error.rs:8: uses run/a.rs, which is not on a lower floor"]);
    let up = ("error.rs", "pub(crate) use crate::run::A;\n#[cfg(test)]\nmod testing;\nuse crate::*;\n");
    let found =
        ["error.rs:4: imports the whole crate", "error.rs:1: uses run/a.rs, which is not on a lower floor"];
    assert_eq!(house(&[lib, up, run, a, b]), found);
    assert_eq!(house(&[("cellar.rs", "")]), ["cellar.rs:1: `cellar` has no floor"]);
}

/// The Rust files in the folder `src` and below.
fn read(src: &Path) -> Vec<File> {
    let (mut files, mut folders) = (Vec::new(), vec![src.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(src).unwrap().to_str().unwrap().replace('\\', "/");
                files.push(File::new(&name, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files
}

impl House {
    /// The files of both crates. The modules of the lower one are re-exported by the upper one, as if they
    /// were its own.
    fn read(root: &Path) -> Self {
        let mut files = read(&root.join("src"));
        files.extend(read(&root.join("kernels/src")).into_iter().filter(|file| file.path != "lib.rs"));
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Self { files }
    }

    /// A line for each arrow that is wrong, with the file and line that it starts from.
    fn problems(&self) -> Vec<String> {
        let floor = |file: &File| FLOORS.iter().position(|floor| floor.contains(&file.top()));
        let arrows: Vec<_> = (0..self.files.len()).map(|from| self.arrows(from)).collect();
        let mut problems = Vec::new();
        for (from, arrows_of) in arrows.iter().enumerate() {
            let file = &self.files[from];
            if floor(file).is_none() {
                problems.push(format!("{}:1: `{}` has no floor", file.path, file.top()));
            }
            let is_whole =
                |found: &&Found| ["crate", "crate::*"].contains(&found.segments.join("::").as_str());
            for found in file.paths.iter().filter(is_whole) {
                problems.push(format!("{}:{}: imports the whole crate", file.path, found.line));
            }
            for (&to, line) in arrows_of {
                let target = &self.files[to];
                if file.top() != target.top() && floor(file) <= floor(target) {
                    let place = format!("{}:{line}", file.path);
                    problems.push(format!("{place}: uses {}, which is not on a lower floor", target.path));
                } else if file.top() == target.top() && reaches(&arrows, to, from) {
                    problems.push(format!("{}:{line}: needs {}, which needs it too", file.path, target.path));
                }
            }
        }
        problems
    }

    /// The files that a file needs, each with the line that says so first.
    fn arrows(&self, from: usize) -> BTreeMap<usize, usize> {
        let file = &self.files[from];
        let mut arrows = BTreeMap::new();
        for found in &file.paths {
            let Some(to) = self.resolve(&file.module, &found.segments) else { continue };
            let target = &self.files[to];
            // A module that re-exports its own parts does not use them; what it takes from elsewhere it does.
            // The crate's front page re-exports from everywhere.
            if found.reexport.is_some() && (file.module.is_empty() || file.top() == target.top()) {
                continue;
            }
            let is_part = target.path.ends_with("mod.rs") && file.module.starts_with(&target.module);
            if to != from && !is_part && !target.module.is_empty() {
                arrows.entry(to).or_insert(found.line);
            }
        }
        arrows
    }

    /// The file that defines what a path in `module` leads to, if it is one of the crate.
    fn resolve(&self, module: &[String], segments: &[String]) -> Option<usize> {
        let mut module = module.to_vec();
        let mut rest = segments;
        match rest.first()?.as_str() {
            "crate" => (module, rest) = (Vec::new(), &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|name| name == "super") {
                    module.pop();
                    rest = &rest[1..];
                }
            }
            name => drop(self.file(&[&module, [name.to_owned()].as_slice()].concat())?),
        }
        while let Some(name) = rest.first() {
            let child = [&module, [name.clone()].as_slice()].concat();
            if self.file(&child).is_none() {
                break;
            }
            (module, rest) = (child, &rest[1..]);
        }
        let file = self.file(&module)?;
        let is_it = |found: &&Found| found.reexport.as_ref() == rest.first();
        let reexport = rest.first().and_then(|_| self.files[file].paths.iter().find(is_it));
        reexport.and_then(|found| self.resolve(&module, &found.segments)).or(Some(file))
    }

    fn file(&self, module: &[String]) -> Option<usize> {
        self.files.iter().position(|file| file.module == module && file.path != "main.rs")
    }
}

/// Whether arrows lead from `from` to `to`.
fn reaches(arrows: &[BTreeMap<usize, usize>], from: usize, to: usize) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(file) = next.pop() {
        if file == to {
            return true;
        }
        if seen.insert(file) {
            next.extend(arrows[file].keys());
        }
    }
    false
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        let names = path.trim_end_matches(".rs").split('/').map(str::to_owned);
        let module = names.filter(|name| !["lib", "main", "mod"].contains(&name.as_str())).collect();
        // Without the module of tests, but lines keep their numbers.
        let (before, rest) = text.split_once("\n#[cfg(test)]\nmod tests {").unwrap_or((text, ""));
        let (tests, after) = rest.split_once("\n}\n").unwrap_or((rest, ""));
        let code = format!("{before}{}{after}", "\n".repeat(tests.matches('\n').count() + 4));
        // The kernels are folders of this crate.
        let code = code.replace("taper_kernels::", "crate::");
        let code: Vec<_> = code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
        Self { path: path.to_owned(), module, paths: paths(&code.join("\n")) }
    }

    /// The name of the module at the top of the crate that it belongs to.
    fn top(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap_or_default()
    }
}

/// All paths in `code`, those of `use` with each of their items.
fn paths(code: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut rest = code;
    while !rest.is_empty() {
        let start = rest.trim_start();
        line += rest[..rest.len() - start.len()].matches('\n').count();
        let end = start.find('\n').unwrap_or(start.len());
        let (visibility, tree) = start[..end].split_once("use ").unwrap_or(("no use", ""));
        let is_use = visibility.is_empty() || (visibility.starts_with("pub") && !visibility.contains("fn "));
        let end = if is_use && !tree.is_empty() { start.find(';').unwrap_or(end) } else { end };
        let statement = &start[..end];
        if is_use && !tree.is_empty() {
            for (segments, name) in expand(&statement[visibility.len() + "use ".len()..]) {
                found.push(Found { line, segments, reexport: (!visibility.is_empty()).then_some(name) });
            }
        } else {
            let is_path = |char: char| char.is_alphanumeric() || char == '_' || char == ':';
            for path in statement.split(|char| !is_path(char)).filter(|path| path.contains("::")) {
                let segments = path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
                found.push(Found { line, segments, reexport: None });
            }
        }
        line += statement.matches('\n').count();
        rest = &start[end..];
        rest = rest.strip_prefix(';').unwrap_or(rest);
    }
    found
}

/// The paths of the items of a `use` tree such as `a::{b, c::{d, e as f}}`, each with its name.
fn expand(tree: &str) -> Vec<(Vec<String>, String)> {
    let names = |path: &str| -> Vec<_> {
        path.split("::").map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
    };
    let Some((prefix, items)) = tree.split_once('{') else {
        let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
        let (path, alias) = (names(path), alias.trim().to_owned());
        let name = if alias.is_empty() { path.last().cloned().unwrap_or_default() } else { alias };
        return vec![(path, name)];
    };
    let prefix = names(prefix);
    let items = items.trim_end().trim_end_matches('}');
    // The braces at the end are gone, so those of the last item are never closed.
    let (mut depth, mut start, mut parts) = (0usize, 0, Vec::new());
    for (i, char) in items.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&items[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&items[start..]);
    let paths = parts.into_iter().filter(|part| !part.trim().is_empty()).flat_map(expand);
    paths.map(|(path, name)| ([prefix.as_slice(), &path].concat(), name)).collect()
}
