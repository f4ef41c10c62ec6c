//! The command line: flags, messages, logs and progress bars.

mod bars;
mod choices;
mod commented;
mod dialect;
mod lines;
mod log;
mod names;
mod run;
mod settings;
mod value_enum;

use taper::config::keys;

pub(crate) use choices::{MetricArg, MissingTargetArg};
pub(crate) use commented::commented;
pub(crate) use dialect::DialectArgs;
pub(crate) use log::LogArgs;
pub(crate) use names::{Names, all as all_names};
pub(crate) use run::{OutputArgs, RunArgs};
pub(crate) use settings::SettingArgs;
pub(crate) use value_enum::value_enum;

/// A refusal by clap as one line: what is wrong, and what would be right where clap knows.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let paragraphs =
        text.split("\n\n").filter(|p| !["Usage:", "For more"].iter().any(|no| p.starts_with(no)));
    let lines: Vec<_> =
        paragraphs.flat_map(str::lines).map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut message = lines.join("; ").replace(":; ", ": ");
    // What Rust's parsers of numbers say does not say what would be right.
    for (said, expected) in [
        ("invalid digit found in string", "expected a whole number of 0 or more"),
        ("number too large to fit in target type", "expected a whole number below 2^64"),
        ("cannot parse integer from empty string", "expected a whole number of 0 or more"),
        ("invalid float literal", "expected a number"),
        ("cannot parse float from empty string", "expected a number"),
    ] {
        message = message.replace(said, expected);
    }
    format!("{message}; see 'taper --help'")
}

/// The flag that sets the configuration's `key`: its last part, as all flags but `--data` are named.
pub(crate) fn flag(key: &str) -> String {
    if key == "data.file" {
        return "--data".to_owned();
    }
    let name = key.rsplit('.').next().unwrap_or(key);
    format!("--{}", name.replace('_', "-"))
}

/// The argument of the flag that sets the configuration's `key`, by clap's name.
fn argument(key: &str) -> String {
    flag(key).trim_start_matches('-').replace('-', "_")
}

/// `message` with the flags in place of the settings that it names in backquotes, as `data.missing=mean` or
/// `resume`.
pub(crate) fn with_flags(message: &str) -> String {
    // Besides the configuration's there are those of single commands.
    let keys = keys().iter().chain(&[
        "missing",
        "missing_target",
        "unknown",
        "recipe",
        "resume",
        "force",
        "json",
        "partial",
        "arms",
    ]);
    keys.fold(message.to_owned(), |message, key| {
        let flag = flag(key);
        message
            .replace(&format!("`{key}="), &format!("`{flag} "))
            .replace(&format!("`{key}`"), &format!("`{flag}`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_in_messages_become_flags() {
        for (message, shown) in [
            ("is NaN; `data.missing=drop` leaves it out", "is NaN; `--missing drop` leaves it out"),
            ("`missing=empty`, `unknown=zeros`", "`--missing empty`, `--unknown zeros`"),
            ("`resume` continues it, `force` replaces it", "`--resume` continues it, `--force` replaces it"),
            ("`data.file=a b` and data.file=c", "`--data a b` and data.file=c"),
            ("`data.drop`=x `data.dropx`", "`--drop`=x `data.dropx`"),
        ] {
            assert_eq!(with_flags(message), shown);
        }
    }
}
