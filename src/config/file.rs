//! Configuration files in TOML, YAML or JSON.

use std::fmt;
use std::fs;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use yaml_serde::Value;

use crate::error::{Error, Result};

/// The first line of the files of settings that taper writes.
pub const HEADER: &str = "# Settings of taper, for --config. What is left out has its default.";

/// The text of a configuration file, searched again for the line of a setting when a message needs it.
#[derive(Debug, Clone)]
pub(super) struct ConfigFile {
    path: PathBuf,
    format: Format,
    text: String,
}

#[derive(Debug, Clone)]
enum Format {
    Toml,
    Yaml,
    Json,
}

/// A parser's error.
struct Complaint {
    line: Option<usize>,
    message: String,
}

/// The content of the file of settings, or of what is written likewise, at `path`; null if it is empty.
///
/// # Errors
///
/// Fails with [`Error::Settings`] when it cannot be read or parsed.
pub(crate) fn read_document(path: &Path) -> Result<Value> {
    ConfigFile::read(path)?.document()
}

impl ConfigFile {
    /// Reads the file at `path`, whose extension tells the format.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_lowercase);
        let format = match extension.as_deref() {
            Some("toml") => Format::Toml,
            Some("yaml" | "yml") => Format::Yaml,
            Some("json") => Format::Json,
            _ => {
                let expected = "expected a name that ends with .toml, .yaml, .yml or .json";
                return Err(Error::settings(format!("cannot tell the format of {name}, {expected}")));
            }
        };
        let cannot = |error| Error::settings(format!("cannot read {name}: {error}"));
        // Opening a pipe blocks until something writes to it.
        let metadata = fs::metadata(path).map_err(cannot)?;
        if !(metadata.is_file() || metadata.is_dir()) {
            return Err(Error::settings(format!(
                "cannot read {name}: it is a pipe or a device, expected a file"
            )));
        }
        let bytes = fs::read(path).map_err(cannot)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let line = line(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
            Error::settings(format!("{name}:{line}: is not UTF-8 text"))
        })?;
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        Ok(Self { path: path.to_owned(), format, text })
    }

    /// The content of the file, null if it is empty.
    ///
    /// A YAML value whatever the format: it holds every number, even NaN, and rejects duplicate keys.
    pub(super) fn document(&self) -> Result<Value> {
        if self.text.trim().is_empty() {
            return Ok(Value::Null);
        }
        let refused = |Complaint { line, message }| {
            Error::settings(format!("{}: {}", self.place(line), complaint(&message)))
        };
        let mut document: Value = self.parse(PhantomData).map_err(refused)?;
        if matches!(self.format, Format::Yaml) {
            document
                .apply_merge()
                .map_err(|error| Error::settings(format!("{}: <<: {error}", self.path.display())))?;
        }
        Ok(document)
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is one of those that taper writes, which have all settings that its version knows.
    pub(super) fn is_written_by_taper(&self) -> bool {
        self.text.starts_with(HEADER)
    }

    /// Where `key` is, as in `run.toml:3`; the file alone if its line is not found.
    pub(super) fn place_of(&self, key: &str) -> String {
        let path: Vec<_> = key.split('.').collect();
        self.place(self.parse(Locate(&path)).err().and_then(|complaint| complaint.line))
    }

    fn place(&self, line: Option<usize>) -> String {
        let path = self.path.display();
        line.map_or_else(|| path.to_string(), |line| format!("{path}:{line}"))
    }

    fn parse<'a, S: DeserializeSeed<'a>>(&'a self, seed: S) -> Result<S::Value, Complaint> {
        match self.format {
            Format::Toml => {
                let complaint = |error: toml::de::Error| Complaint {
                    line: error.span().map(|span| line(&self.text.as_bytes()[..span.start])),
                    message: error.message().to_owned(),
                };
                let deserializer = toml::Deserializer::parse(&self.text).map_err(complaint)?;
                seed.deserialize(deserializer).map_err(complaint)
            }
            Format::Yaml => {
                if let Some(message) = nested_too_deep(&self.text) {
                    return Err(Complaint { line: None, message });
                }
                let deserializer = yaml_serde::Deserializer::from_str(&self.text);
                seed.deserialize(deserializer).map_err(|error| {
                    let place = error.location().map(|place| (place.line(), place.column()));
                    Complaint::new(place, &error)
                })
            }
            Format::Json => {
                let mut deserializer = serde_json::Deserializer::from_str(&self.text);
                let value = seed.deserialize(&mut deserializer);
                value
                    .and_then(|value| deserializer.end().map(|()| value))
                    .map_err(|error| Complaint::new(Some((error.line(), error.column())), &error))
            }
        }
    }
}

impl Complaint {
    /// The error of a parser that repeats line and column in its message.
    fn new(place: Option<(usize, usize)>, error: &dyn fmt::Display) -> Self {
        let mut message = error.to_string();
        if let Some((line, column)) = place {
            message = message.replace(&format!(" at line {line} column {column}"), "");
        }
        Self { line: place.map(|(line, _)| line), message }
    }
}

/// A parser's message in one line. The only values that it rejects by type are integers out of range.
pub(super) fn complaint(message: &impl ToString) -> String {
    let message = message.to_string().replace('\n', " ");
    let number = message.strip_suffix(", expected any YAML value").and_then(|message| {
        let (before, number) = message.split_once("invalid type: integer `")?;
        Some((before, number.split('`').next()?))
    });
    match number {
        Some((before, number)) => {
            format!("{before}{number} has too many digits, expected a number from -2^63 to below 2^64")
        }
        None => message,
    }
}

/// What is wrong with a text of YAML that opens more brackets than any settings do: the time in which the
/// parser finds it grows with their square.
pub(super) fn nested_too_deep(yaml: &str) -> Option<String> {
    const DEEPEST: i64 = 1000;
    let mut depth = 0;
    let is_too_deep = yaml.bytes().any(|byte| {
        depth += match byte {
            b'[' | b'{' => 1,
            b']' | b'}' => -1,
            _ => 0,
        };
        depth > DEEPEST
    });
    is_too_deep.then(|| format!("more than {DEEPEST} brackets are open, expected settings"))
}

/// The number of the line in which `before` ends, counted from 1.
fn line(before: &[u8]) -> usize {
    before.split(|&byte| byte == b'\n').count()
}

/// Follows a path of names and fails at the last of them, so that the parser's error tells its line.
#[derive(Clone, Copy)]
struct Locate<'a>(&'a [&'a str]);

/// The key of an entry, which is the next name of the path or not.
struct Key<'a>(Locate<'a>);

impl<'de> DeserializeSeed<'de> for Locate<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self.0)
    }
}

impl<'de> Visitor<'de> for Locate<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a section")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<bool, E> {
        match self.0 {
            [name] if *name == key => Err(E::custom("found")),
            names => Ok(names.first().is_some_and(|name| *name == key)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut section: A) -> Result<bool, A::Error> {
        while let Some(is_next) = section.next_key_seed(Key(self))? {
            if is_next {
                section.next_value_seed(Locate(&self.0[1..]))?;
            } else {
                section.next_value::<IgnoredAny>()?;
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_key_is_found_in_every_format() {
        for (format, text, expected) in [
            (Format::Toml, "folds = 3\n\n[train]\n# the rate\nlr = 5\n", 5),
            (Format::Toml, "folds = 3\ntrain.lr = 5\n", 2),
            (Format::Toml, "\ntrain = { epochs = 3,\nlr = 5 }\n", 3),
            (Format::Yaml, "folds: 3\ntrain:\n  # the rate\n  epochs: 3\n  lr: 5\n  batch_size: 3\n", 5),
            (Format::Yaml, "folds: 3\ntrain: {epochs: 3,\n  lr:\n    5}\n", 3),
            (
                Format::Json,
                "{\n  \"folds\": 3,\n  \"train\": {\n    \"epochs\": 3,\n    \"lr\": 5\n  }\n}",
                5,
            ),
        ] {
            let file = ConfigFile { path: "run".into(), format, text: text.to_owned() };
            assert_eq!(file.place_of("train.lr"), format!("run:{expected}"), "{text}");
            assert_eq!(file.place_of("train.engine"), "run", "{text}");
        }
    }
}
