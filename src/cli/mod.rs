//! The command line: the only place that knows flags.

mod cv;
mod gradcheck;

use clap::{Parser, Subcommand};

pub(crate) use cv::CvArgs;
pub(crate) use gradcheck::GradcheckArgs;

/// Cross-validate a regression network of dynamic depth, and check gradients
///
/// The network's shared hidden layer is applied a random number of times in each training step, and its prediction is
/// the mean over all depths. It learns a file, or synthetic data, y = x w + noise, and is tested on every row once.
///
/// Without a command, taper runs `taper cv`.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "Results go to standard output, logs and progress to standard error. RUST_LOG=taper=debug logs \
                  every epoch.\nMissing values are empty fields, NA, N/A, NaN, null and ?, in upper or lower case.\n\
                  Exit codes: 0 done, 1 the run failed, 2 the call was wrong."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    cv: CvArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Cross-validate (the default command)
    Cv(CvArgs),
    /// Hold the gradients of all operations, layers and networks against numerical ones
    Gradcheck(GradcheckArgs),
}

impl Cli {
    /// The command with its arguments, whether it was named or not.
    pub(crate) fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Cv(self.cv))
    }
}

/// A refusal by clap as one line: what is wrong, and what would be right where clap knows.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let paragraphs =
        text.split("\n\n").filter(|p| !["Usage:", "For more"].iter().any(|no| p.starts_with(no)));
    let lines: Vec<_> =
        paragraphs.flat_map(str::lines).map(str::trim).filter(|line| !line.is_empty()).collect();
    let message = lines.join("; ").replace(":; ", ": ");
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use taper::config::{CvConfig, DataConfig, FileConfig};

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_arguments_give_the_default_configuration() {
        for call in [["taper"].as_slice(), &["taper", "cv"]] {
            let Command::Cv(args) = Cli::parse_from(call).into_command() else { panic!("not cv") };
            assert_eq!(args.config().unwrap(), CvConfig::default());
        }
    }

    /// Errors name settings by key, and users know them by flag: every key must have one of that name.
    #[test]
    fn every_key_of_the_configuration_has_its_flag() {
        fn keys(prefix: &str, value: &serde_json::Value) -> Vec<String> {
            value.as_object().map_or_else(
                || vec![prefix.to_owned()],
                |map| map.iter().flat_map(|(key, value)| keys(&format!("{prefix}.{key}"), value)).collect(),
            )
        }
        let command = Cli::command();
        let flags: Vec<_> = command
            .get_arguments()
            .filter_map(|arg| arg.get_long().map(|name| format!("--{name}")))
            .collect();
        let file = FileConfig { group: Some("g".to_owned()), ..FileConfig::default() };
        let data = DataConfig { file: Some(file), ..DataConfig::default() };
        for config in [CvConfig::default(), CvConfig { data, ..CvConfig::default() }] {
            for key in keys("", &serde_json::to_value(config).unwrap()) {
                let flag = flag(key.trim_start_matches('.'));
                assert!(flags.contains(&flag), "{key} has no flag {flag}");
            }
        }
    }
}
