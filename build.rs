//! Tells the crate how it is built.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // The kit shows no facts about its build, so it need not be built anew when they change.
    if std::env::var_os("CARGO_FEATURE_CLI").is_some() {
        facts::tell();
    }
}

mod facts {
    use std::env;
    use std::path::Path;
    use std::process::Command;

    /// What is built, of all that the repository has.
    const SOURCES: [&str; 5] = ["src", "kernels", "build.rs", "Cargo.toml", "Cargo.lock"];
    const FEATURES: [&str; 2] = ["cuda", "parquet"];

    /// Sets the variables that `src/build_info.rs` reads.
    pub(super) fn tell() {
        let variable = |name: &str| env::var(name).ok();
        // The commit changes without the sources, and then all would be compiled anew: that is for releases
        // alone.
        let is_release = variable("PROFILE").is_some_and(|profile| profile == "release");
        let root = variable("CARGO_MANIFEST_DIR").filter(|_| is_release);
        let is_on = |name: &&str| env::var_os(format!("CARGO_FEATURE_{}", name.to_uppercase())).is_some();
        let features: Vec<_> = FEATURES.into_iter().filter(is_on).collect();
        for (name, value) in [
            ("COMMIT", root.and_then(|root| commit(Path::new(&root)))),
            ("FEATURES", Some(if features.is_empty() { "none".to_owned() } else { features.join(", ") })),
            ("TARGET", variable("TARGET")),
            ("PROFILE", variable("PROFILE")),
            ("RUSTC", variable("RUSTC").and_then(|rustc| output(Command::new(rustc).arg("--version")))),
        ] {
            println!("cargo:rustc-env=TAPER_{name}={}", value.as_deref().unwrap_or("unknown"));
        }
    }

    /// The commit of the repository at `root`, with `-dirty` if the sources are not what it has. A package
    /// without a repository of its own has none, even inside of another one's.
    fn commit(root: &Path) -> Option<String> {
        let git = |arguments: &[&str]| {
            // Without optional locks it writes nothing.
            output(Command::new("git").arg("--no-optional-locks").arg("-C").arg(root).args(arguments))
        };
        if Path::new(&git(&["rev-parse", "--show-toplevel"])?).canonicalize().ok()?
            != root.canonicalize().ok()?
        {
            return None;
        }
        for source in SOURCES {
            println!("cargo:rerun-if-changed={source}");
        }
        // Every commit and checkout adds a line to the former, where there is one.
        for name in ["logs/HEAD", "HEAD"] {
            let path = root.join(git(&["rev-parse", "--git-path", name])?);
            if path.exists() {
                println!("cargo:rerun-if-changed={}", path.display());
            }
        }
        let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
        let changes = git(&[&["status", "--porcelain", "--"], SOURCES.as_slice()].concat())?;
        Some(if changes.is_empty() { commit } else { format!("{commit}-dirty") })
    }

    /// What `command` prints, if there is such a command and it succeeds.
    fn output(command: &mut Command) -> Option<String> {
        let output = command.output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    }
}
