//! Files of settings: TOML, YAML or JSON.

use std::fmt;
use std::fs;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use yaml_serde::Value;

use crate::error::{Error, Result};

/// The text of a file of settings, which can be asked where a setting stands.
#[derive(Debug)]
pub(super) struct ConfigFile {
    path: PathBuf,
    format: Format,
    text: String,
}

#[derive(Debug)]
enum Format {
    Toml,
    Yaml,
    Json,
}

/// What a parser says against a text, and the line that it says it of.
struct Complaint {
    line: Option<usize>,
    message: String,
}

impl ConfigFile {
    /// Reads the file at `path`, whose ending tells the format.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
        let format = match ending.as_deref() {
            Some("toml") => Format::Toml,
            Some("yaml" | "yml") => Format::Yaml,
            Some("json") => Format::Json,
            _ => {
                let expected = "expected a name that ends with .toml, .yaml, .yml or .json";
                return Err(Error::settings(format!("cannot tell the format of {name}, {expected}")));
            }
        };
        let cannot = |error| Error::settings(format!("cannot read {name}: {error}"));
        // A pipe without a writer would be waited for.
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

    /// All that the file says; nothing if it is empty.
    ///
    /// It is YAML's value whatever the format, since that can hold every number, NaN too, and refuses a key that comes
    /// twice.
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

    /// Where `key` stands, as in `run.toml:3`.
    pub(super) fn place_of(&self, key: &str) -> String {
        let path: Vec<_> = key.split('.').collect();
        // The parser's complaint about the key is what tells the line.
        self.place(self.parse(Find(&path)).err().and_then(|complaint| complaint.line))
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
    /// The complaint of a parser that repeats line and column in its message.
    fn new(place: Option<(usize, usize)>, error: &dyn fmt::Display) -> Self {
        let mut message = error.to_string();
        if let Some((line, column)) = place {
            message = message.replace(&format!(" at line {line} column {column}"), "");
        }
        Self { line: place.map(|(line, _)| line), message }
    }
}

/// What a parser complains of, in one line. Integers that are too large or too small are all that a value does not take.
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

/// The number of the line that `before` ends in, counted from 1.
fn line(before: &[u8]) -> usize {
    before.split(|&byte| byte == b'\n').count()
}

/// Goes down a path of names and fails at the last of them, so that the parser tells where it is.
struct Find<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a section")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((&name, rest)) = self.0.split_first() else { return Ok(()) };
        while let Some(is_name) = map.next_key_seed(Name { name, is_last: rest.is_empty() })? {
            if is_name {
                map.next_value_seed(Find(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Tells whether a key is `name`, and fails if that is the last of the path.
struct Name<'a> {
    name: &'a str,
    is_last: bool,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<bool, E> {
        let is_name = key == self.name;
        if is_name && self.is_last { Err(E::custom("it is here")) } else { Ok(is_name) }
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
