//! A configuration as a file of settings with comments.

use clap::{Arg, Args};
use serde_json::Value;
use taper::config::{CvConfig, DataConfig, FileConfig, HEADER, keys};

use super::argument;
use super::settings::SettingArgs;

/// `config` in TOML or YAML, each key under the help of its flag.
pub(crate) fn commented(config: &CvConfig, is_yaml: bool) -> String {
    let defaults = defaults(config);
    let command = SettingArgs::augment_args(clap::Command::new("taper"));
    let mut open = "";
    let mut lines = vec![format!("{HEADER}\n")];
    for key in keys() {
        // A setting that has no meaning beside the others is not written.
        let Some(value) = config.get(key) else { continue };
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        if section != open {
            lines.push(if is_yaml { format!("\n{section}:") } else { format!("\n[{section}]") });
            open = section;
        }
        let indent = if is_yaml && !section.is_empty() { "  " } else { "" };
        let argument = command.get_arguments().find(|arg| arg.get_id() == argument(key).as_str());
        let help = argument.map(explained).unwrap_or_default();
        // No file is the default of another.
        let default = defaults.get(key).filter(|_| *key != "data.file");
        let default = default.map(|value| format!(" [default: {}]", written(&value)));
        lines.push(format!("{indent}# {help}{}", default.unwrap_or_default()));
        let equals = if is_yaml { ":" } else { " =" };
        lines.push(format!("{indent}{name}{equals} {}", written(&value)));
    }
    lines.join("\n")
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

/// A value as JSON, TOML and YAML all write it. TOML wants the control character escaped that JSON leaves as
/// it is.
fn written(value: &Value) -> String {
    value.to_string().replace('\x7f', "\\u007f")
}
