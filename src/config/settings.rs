//! Settings from files, flags and assignments, put together.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use yaml_serde::{Mapping, Value};

use crate::config::file::{ConfigFile, complaint};
use crate::config::keys::{KEYS, is_section, join, nearest};
use crate::config::{CvConfig, ValidConfig};
use crate::error::{Error, Result};
use crate::text::shorten;

/// The settings that were given, each with who gave it; all others have their defaults.
///
/// What is given later overrides what was given before. Errors name a setting as it was given: by file and line, or by
/// the name that the caller of [`Settings::set`] has for it.
///
/// # Examples
///
/// ```
/// use taper::config::Settings;
///
/// let mut settings = Settings::default();
/// settings.set("train.lr", 3e-4, str::to_owned)?;
/// settings.set("train.epochs", 5, str::to_owned)?;
/// settings.set_text("train.epochs", "7", str::to_owned)?;
/// let config = settings.validate()?;
/// assert_eq!((config.train.lr, config.train.epochs, config.folds), (3e-4, 7, 4));
///
/// let error = settings.set("train.learning_rate", 1, str::to_owned).unwrap_err();
/// assert_eq!(error.to_string(), "train.learning_rate is unknown, did you mean train.lr?");
/// # Ok::<(), taper::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Settings {
    file: Option<ConfigFile>,
    given: BTreeMap<String, Given>,
}

#[derive(Debug)]
struct Given {
    value: Value,
    by: Giver,
}

/// Who gave a setting.
#[derive(Debug, Clone, Copy)]
enum Giver {
    File,
    /// Someone who names a key so.
    Caller(fn(&str) -> String),
}

impl CvConfig {
    /// The configuration in the file at `path`, of TOML (.toml), YAML (.yaml, .yml) or JSON (.json). What the file does
    /// not give has its default.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Settings`] when the file cannot be read, and with its line where the parser tells it when a
    /// key is unknown, a value of the wrong type or out of its range.
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::config::CvConfig;
    ///
    /// # let folder = std::env::temp_dir().join(format!("taper-from-file-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let path = folder.join("run.toml");
    /// std::fs::write(&path, "folds = 5\n\n[train]\nlr = 3e-4\n")?;
    /// let config = CvConfig::from_file(&path)?;
    /// assert_eq!((config.folds, config.train.lr, config.train.epochs), (5, 3e-4, 25));
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::clone(&*Settings::from_file(path)?.validate()?))
    }
}

impl Settings {
    /// The settings in the file at `path`, see [`CvConfig::from_file`]. Only their names are checked.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Settings`] when the file cannot be read or parsed, and when it has an unknown key.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let file = ConfigFile::read(path.as_ref())?;
        let document = file.document()?;
        let mut settings = Self { file: Some(file), ..Self::default() };
        settings.insert("", document, Giver::File)?;
        Ok(settings)
    }

    /// Gives `key`, or all keys of the section `key`, a value. `name` is what errors call a key.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Settings`] when the key is unknown.
    pub fn set(&mut self, key: &str, value: impl Serialize, name: fn(&str) -> String) -> Result<()> {
        let value = yaml_serde::to_value(value)
            .map_err(|error| Error::settings(format!("{} cannot be read: {error}", name(key))))?;
        self.insert(key, value, Giver::Caller(name))
    }

    /// As [`Settings::set`], with a value in YAML, in which numbers and words stand for themselves.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Settings`] when the key is unknown or the value no YAML.
    pub fn set_text(&mut self, key: &str, value: &str, name: fn(&str) -> String) -> Result<()> {
        let value: Value = yaml_serde::from_str(value).map_err(|error| {
            Error::settings(format!("{} cannot be read: {}", name(key), complaint(&error)))
        })?;
        self.insert(key, value, Giver::Caller(name))
    }

    /// Whether `key` was given a value.
    pub fn is_given(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    fn insert(&mut self, path: &str, value: Value, by: Giver) -> Result<()> {
        if KEYS.contains(&path) {
            // A parser refuses a name that comes twice, but knows nothing of `train.lr` beside the `lr` of `train`.
            if matches!(by, Giver::File) && self.is_given(path) {
                return Err(self.error(path, by, "is given twice, expected it once"));
            }
            self.given.insert(path.to_owned(), Given { value, by });
            return Ok(());
        }
        if !is_section(path) {
            let problem = format!("is unknown, did you mean {}?", nearest(path));
            return Err(self.error(path, by, &problem));
        }
        match value {
            Value::Null => Ok(()),
            Value::Mapping(entries) => entries.into_iter().try_for_each(|(name, value)| {
                let name = match name.as_str() {
                    // Not to be taken for the section that it would be in.
                    Some("") => "\"\"".to_owned(),
                    Some(name) => name.to_owned(),
                    None => shown(&name),
                };
                self.insert(&join(path, &name), value, by)
            }),
            value => {
                Err(self.error(path, by, &format!("is {}, expected a section of settings", shown(&value))))
            }
        }
    }

    /// The configuration, whose values have the right types but may make no sense.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Settings`] when a value is of the wrong type.
    pub fn config(&self) -> Result<CvConfig> {
        let mut document = Value::Mapping(Mapping::new());
        for (key, Given { value, by }) in &self.given {
            if !(matches!(by, Giver::File) && self.is_overridden(key, value)) {
                *place(&mut document, key) = value.clone();
            }
        }
        read(&document).map_err(|(path, mut message)| {
            let (key, element) = path.split_once('[').unwrap_or((&path, ""));
            if let Some(Given { value, by }) = self.given.get(key) {
                // Of a list it is an element that is wrong.
                let element = element.split(']').next().and_then(|i| value.get(i.parse::<usize>().ok()?));
                if let Some(element) = element {
                    let problem = problem(element, &message);
                    return self.error(key, *by, &problem.replacen("is ", "has ", 1));
                }
                if message.contains("Value::Tagged") {
                    // Only of a word does serde say which others it expected.
                    *place(&mut document, key) = "".into();
                    message = read(&document).err().map_or(message, |(_, message)| message);
                }
                return self.error(key, *by, &problem(value, &message));
            }
            // An error of a whole section begins with the key that it is about.
            let (key, problem) = message.split_once(' ').unwrap_or_default();
            match self.given.get(key) {
                Some(given) => self.error(key, given.by, problem),
                None => Error::settings(message),
            }
        })
    }

    /// Whether the file's setting `key` is about synthetic data, in whose place the caller has put a file of data.
    fn is_overridden(&self, key: &str, value: &Value) -> bool {
        let is_synthetic =
            matches!(key, "data.rows" | "data.noise") || (key == "data.features" && value.is_number());
        let file = self.given.get("data.file");
        is_synthetic && file.is_some_and(|file| matches!(file.by, Giver::Caller(_)))
    }

    /// The configuration, found sensible.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Settings`] when a value is of the wrong type or out of its range, and with [`Error::Config`]
    /// when that value is a default, which fits what was given no more.
    pub fn validate(&self) -> Result<ValidConfig> {
        self.config()?.validate().map_err(|error| self.as_given(error))
    }

    /// `error`, but a setting that was given by the name that its giver has for it: what the data must show, as whether they
    /// have a column, is found only in the run.
    #[must_use]
    pub fn as_given(&self, error: Error) -> Error {
        match error {
            Error::Config { key, problem } => match self.given.get(key) {
                Some(given) => self.error(key, given.by, &problem),
                None => Error::Config { key, problem },
            },
            error => error,
        }
    }

    /// The error that begins with the name which the giver has for `key`.
    fn error(&self, key: &str, by: Giver, problem: &str) -> Error {
        let file = self.file.as_ref().map(|file| file.place_of(key));
        let key = &shorten(key);
        Error::settings(match (by, file) {
            (Giver::Caller(name), _) => format!("{} {problem}", name(key)),
            (Giver::File, Some(place)) if key.is_empty() => format!("{place}: {problem}"),
            (Giver::File, Some(place)) => format!("{place}: {key} {problem}"),
            (Giver::File, None) => format!("{key} {problem}"),
        })
    }
}

/// The place of `key` in `document`. Sections come into being on the way.
fn place<'a>(document: &'a mut Value, key: &str) -> &'a mut Value {
    key.split('.').fold(document, |section, name| &mut section[name])
}

/// The configuration, or the path that serde refuses, which may end with the index of a list's element, and why.
fn read(document: &Value) -> Result<CvConfig, (String, String)> {
    serde_path_to_error::deserialize(document)
        .map_err(|error| (error.path().to_string(), error.inner().to_string()))
}

/// What is wrong with `value`, of which serde says `message`.
fn problem(value: &Value, message: &str) -> String {
    let Some((_, expected)) = message.split_once("expected ") else {
        return format!("is {}: {message}", shown(value));
    };
    let expected = match expected {
        "usize" | "u64" => "a whole number of 0 or more",
        "f64" => "a number",
        "a sequence" => "a list",
        "a string" => "a text in quotes",
        "path string" => "the path of a file",
        expected => &expected.replace('`', ""),
    };
    format!("is {}, expected {expected}", shown(value))
}

/// `value` within a line.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(value) => format!("{value:?}"),
        Value::Sequence(_) => "a list".to_owned(),
        Value::Mapping(_) => "a section".to_owned(),
        Value::Tagged(_) => "tagged".to_owned(),
    }
}
