//! How this build of the crate was made.

/// The version of the crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, with `-dirty` if the sources had been changed since; `unknown` in debug builds, which do not
/// ask for it, and without a git repository of the crate's own.
pub const COMMIT: &str = env!("TAPER_COMMIT");

/// The features of the crate that are on, or `none`.
pub const FEATURES: &str = env!("TAPER_FEATURES");

/// The kind of machine that it is built for, for example `x86_64-unknown-linux-gnu`.
pub const TARGET: &str = env!("TAPER_TARGET");

/// `release`, or `debug` for a build that is not optimised.
pub const PROFILE: &str = env!("TAPER_PROFILE");

/// The compiler with its version.
pub const RUSTC: &str = env!("TAPER_RUSTC");

/// All of these as text, a line each: what `taper --version` prints after the name.
///
/// # Examples
///
/// ```
/// use taper::build_info;
///
/// assert!(build_info::FACTS.starts_with(build_info::VERSION));
/// assert!(build_info::FACTS.contains(&format!("features: {}", build_info::FEATURES)));
/// ```
pub const FACTS: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit: ",
    env!("TAPER_COMMIT"),
    "\nfeatures: ",
    env!("TAPER_FEATURES"),
    "\ntarget: ",
    env!("TAPER_TARGET"),
    "\nprofile: ",
    env!("TAPER_PROFILE"),
    "\ncompiler: ",
    env!("TAPER_RUSTC"),
);
