//! The settings of a call put together, and printed as a file that gives them again.

use std::path::Path;

use clap::{Arg, Args, CommandFactory, ValueEnum};
use serde_json::Value;
use taper::Error;
use taper::config::{CvConfig, DataConfig, FileConfig, KEYS, Settings};

use crate::cli::cv::SettingArgs;
use crate::cli::{Cli, argument, flag};

/// What `taper config` can be told.
#[derive(Debug, Args)]
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

impl SettingArgs {
    /// The settings of `file`, or else of the file of --config, overridden by the flags that were given, overridden by
    /// `--set`.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read, a key is unknown or a `--set` is no assignment.
    pub(crate) fn settings(&self, file: Option<&Path>) -> Result<Settings, Error> {
        let file = file.or(self.config.as_deref());
        let mut settings = file.map(Settings::from_file).transpose()?.unwrap_or_default();
        let flags = yaml_serde::to_value(self).map_err(|error| Error::Settings(error.to_string()))?;
        for key in KEYS {
            let argument = argument(key);
            if !self.given.contains(&argument) {
                continue;
            }
            // Beside a file, which comes before them among the keys, features are columns, and `--features 2024` is one.
            if *key == "data.features" && settings.is_given("data.file") {
                settings.set(key, self.features(), flag)?;
            } else {
                settings.set(key, &flags[argument], flag)?;
            }
        }
        for text in &self.set {
            let assignment = text.split_once('=').map(|(key, value)| (key.trim(), value));
            let (key, value) = assignment.filter(|(key, _)| !key.is_empty()).ok_or_else(|| {
                Error::Settings(format!("--set is {text:?}, expected KEY=VALUE as in train.lr=3e-4"))
            })?;
            settings.set_text(key, value, |key| format!("--set {key}"))?;
        }
        Ok(settings)
    }
}

impl ConfigArgs {
    /// The configuration of the call as a file.
    ///
    /// # Errors
    ///
    /// Fails when the settings make no sense.
    pub(crate) fn text(&self) -> anyhow::Result<String> {
        let config = self.settings.settings(None)?.validate()?;
        match self.format {
            Format::Json => Ok(serde_json::to_string_pretty(&config)?),
            Format::Toml => commented(&config, false),
            Format::Yaml => commented(&config, true),
        }
    }
}

/// `config` in TOML or YAML, each key under the help of its flag.
pub(crate) fn commented(config: &CvConfig, is_yaml: bool) -> anyhow::Result<String> {
    let (config, defaults) = (serde_json::to_value(config)?, serde_json::to_value(defaults(config))?);
    let command = Cli::command();
    let mut open = "";
    let mut lines = vec!["# Settings of taper, for --config. What is left out has its default.\n".to_owned()];
    for key in KEYS {
        let pointer = format!("/{}", key.replace('.', "/"));
        // A setting that has no meaning beside the others is not written.
        let Some(value) = config.pointer(&pointer) else { continue };
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        if section != open {
            lines.push(if is_yaml { format!("\n{section}:") } else { format!("\n[{section}]") });
            open = section;
        }
        let indent = if is_yaml && !section.is_empty() { "  " } else { "" };
        let argument = command.get_arguments().find(|arg| arg.get_id() == argument(key).as_str());
        let help = argument.map(explained).unwrap_or_default();
        // No file is the default of another.
        let default = defaults.pointer(&pointer).filter(|_| *key != "data.file");
        let default = default.map(|value| format!(" [default: {}]", written(value)));
        lines.push(format!("{indent}# {help}{}", default.unwrap_or_default()));
        let equals = if is_yaml { ":" } else { " =" };
        lines.push(format!("{indent}{name}{equals} {}", written(value)));
    }
    Ok(lines.join("\n"))
}

/// What the settings have that are left out of `config`, which depends on where its data come from.
fn defaults(config: &CvConfig) -> CvConfig {
    let file = config.data.file.as_ref().map(|_| FileConfig::default());
    CvConfig { data: DataConfig { file, ..DataConfig::default() }, ..CvConfig::default() }
}

/// The help of a flag with its possible values.
fn explained(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let values: Vec<_> =
        argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if values.is_empty() { help } else { format!("{help} [possible values: {}]", values.join(", ")) }
}

/// A value as JSON, TOML and YAML all write it. TOML wants the control character escaped that JSON leaves as it is.
fn written(value: &Value) -> String {
    value.to_string().replace('\x7f', "\\u007f")
}
