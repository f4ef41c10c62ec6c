//! `taper config`.

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::output::print;
use super::training::warn_of;
use crate::cli::{LogArgs, SettingArgs, commented};

/// The flags of `taper config`.
#[derive(Debug, Args)]
#[command(after_help = concat!(
    "Examples:\n  taper config --data houses.csv --target price > houses.toml\n  taper cv --config houses.toml\n  \
     taper config --format yaml\n\n",
    exit_codes!()
))]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    pub(super) settings: SettingArgs,

    /// Format of what is printed; JSON has no comments
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Toml, help_heading = "Output")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Toml,
    Yaml,
    Json,
}

/// Prints the configuration of the call as a file that gives it again.
pub(crate) fn config(args: &ConfigArgs) -> Result<()> {
    let settings = args.settings.settings(None)?;
    let mut warnings = settings.warnings(&[])?;
    if !warnings.is_empty() {
        LogArgs::default().start()?;
        warn_of(&mut warnings);
    }
    let config = settings.validate()?;
    print(&match args.format {
        Format::Json => serde_json::to_string_pretty(&config)?,
        Format::Toml => commented(&config, false),
        Format::Yaml => commented(&config, true),
    })
}
