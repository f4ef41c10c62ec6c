//! `taper config`.

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::output::print;
use crate::cli::{SettingArgs, commented};

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
    let config = args.settings.settings(None)?.validate()?;
    print(&match args.format {
        Format::Json => serde_json::to_string_pretty(&config)?,
        Format::Toml => commented(&config, false),
        Format::Yaml => commented(&config, true),
    })
}
