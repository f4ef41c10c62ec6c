//! Settings merged from files, flags and assignments.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use yaml_serde::{Mapping, Value};

use crate::config::file::{ConfigFile, complaint, nested_too_deep};
use crate::config::keys::{is_section, join, keys, nearest};
use crate::config::{CvConfig, Recipe, Selection, ValidConfig};
use crate::error::{Error, Result};
use crate::text::{list, shorten};

/// The settings that were given, each with its origin; all others have their defaults.
///
/// Later values override earlier ones. Errors name a setting as it was given: by file and line, or by the
/// name that the caller of [`Settings::set`] has for it.
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
#[derive(Debug, Clone, Default)]
pub struct Settings {
    file: Option<ConfigFile>,
    /// In place of the one that suits the data.
    recipe: Option<Recipe>,
    given: BTreeMap<String, Assignment>,
}

#[derive(Debug, Clone)]
struct Assignment {
    value: Value,
    origin: Origin,
}

/// Where a setting was given.
#[derive(Debug, Clone, Copy)]
enum Origin {
    File,
    /// A caller, with its name for a key.
    Caller(fn(&str) -> String),
}

impl CvConfig {
    /// Reads the configuration file at `path`: TOML (.toml), YAML (.yaml, .yml) or JSON (.json). Settings
    /// that it lacks have their defaults.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Settings`] when the file cannot be read, and, naming the line, when a key is
    /// unknown or a value of the wrong type or out of range.
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
    /// Reads the settings of the file at `path`, see [`CvConfig::from_file`]. Only their names are checked.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Settings`] when the file cannot be read or parsed, and when it has an unknown key.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let file = ConfigFile::read(path.as_ref())?;
        let document = file.document()?;
        let mut settings = Self { file: Some(file), ..Self::default() };
        settings.insert("", document, Origin::File)?;
        Ok(settings)
    }

    /// Reads the settings of a run from the file at `path`. Versions that lacked a setting did what the
    /// exercise does, whatever the default recipe became later.
    ///
    /// # Errors
    ///
    /// As [`from_file`](Self::from_file).
    pub fn of_run(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::from_file(path)?.with_recipe(Recipe::Seed))
    }

    /// The same with what `recipe` says where nothing is given, in place of the one that suits the data:
    /// [`Recipe::Tabular`] for those of a file, and [`Recipe::Injection`] for synthetic ones.
    #[must_use]
    pub fn with_recipe(self, recipe: Recipe) -> Self {
        Self { recipe: Some(recipe), ..self }
    }

    /// Sets `key`, or all keys of the section `key`. `name` is what errors call a key.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Settings`] when the key is unknown.
    pub fn set(&mut self, key: &str, value: impl Serialize, name: fn(&str) -> String) -> Result<()> {
        let value = yaml_serde::to_value(value)
            .map_err(|error| Error::settings(format!("{} cannot be read: {error}", name(key))))?;
        self.insert(key, value, Origin::Caller(name))
    }

    /// As [`Settings::set`], with a value in YAML, where numbers and words need no quotes.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Settings`] when the key is unknown or the value is not YAML.
    pub fn set_text(&mut self, key: &str, value: &str, name: fn(&str) -> String) -> Result<()> {
        let cannot = |problem: String| Error::settings(format!("{} cannot be read: {problem}", name(key)));
        if let Some(problem) = nested_too_deep(value) {
            return Err(cannot(problem));
        }
        let value: Value = yaml_serde::from_str(value).map_err(|error| cannot(complaint(&error)))?;
        self.insert(key, value, Origin::Caller(name))
    }

    /// Whether `key` was given a value.
    pub fn is_given(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    fn insert(&mut self, path: &str, value: Value, origin: Origin) -> Result<()> {
        if keys().contains(&path) {
            // A parser rejects duplicate keys, but does not know that `train.lr` is the `lr` of `train`.
            if matches!(origin, Origin::File) && self.is_given(path) {
                return Err(self.error(path, origin, "is given twice, expected it once"));
            }
            self.given.insert(path.to_owned(), Assignment { value, origin });
            return Ok(());
        }
        if !is_section(path) {
            let problem = format!("is unknown, did you mean {}?", nearest(path));
            return Err(self.error(path, origin, &problem));
        }
        match value {
            Value::Null => Ok(()),
            Value::Mapping(entries) => entries.into_iter().try_for_each(|(name, value)| {
                let name = match name.as_str() {
                    // Joined to its section it would vanish.
                    Some("") => "\"\"".to_owned(),
                    Some(name) => name.to_owned(),
                    None => shown(&name),
                };
                self.insert(&join(path, &name), value, origin)
            }),
            value => Err(self.error(
                path,
                origin,
                &format!("is {}, expected a section of settings", shown(&value)),
            )),
        }
    }

    /// The configuration. Its values have the right types but may be invalid.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Settings`] when a value is of the wrong type.
    pub fn config(&self) -> Result<CvConfig> {
        let mut document = self.begin()?;
        for (key, Assignment { value, origin }) in &self.given {
            if !(matches!(origin, Origin::File) && self.is_overridden(key, value)) {
                *slot(&mut document, key) = value.clone();
            }
        }
        read(&document).map_err(|(path, mut message)| {
            let (key, element) = path.split_once('[').unwrap_or((&path, ""));
            if let Some(Assignment { value, origin }) = self.given.get(key) {
                // In a list a single element is wrong.
                let element = element.split(']').next().and_then(|i| value.get(i.parse::<usize>().ok()?));
                if let Some(element) = element {
                    let problem = problem(element, &message);
                    return self.error(key, *origin, &problem.replacen("is ", "has ", 1));
                }
                if message.contains("Value::Tagged") {
                    // Serde lists the expected words only where it meets an unknown word.
                    *slot(&mut document, key) = "".into();
                    message = read(&document).err().map_or(message, |(_, message)| message);
                }
                return self.error(key, *origin, &problem(value, &message));
            }
            // The error of a whole section begins with a key.
            let (key, problem) = message.split_once(' ').unwrap_or_default();
            match self.given.get(key) {
                Some(given) => self.error(key, given.origin, problem),
                None => Error::settings(message),
            }
        })
    }

    /// What there is where nothing is given.
    fn recipe(&self) -> Recipe {
        self.recipe.unwrap_or(if self.has_file() { Recipe::Tabular } else { Recipe::default() })
    }

    /// Whether the data are those of a file.
    fn has_file(&self) -> bool {
        self.given.get("data.file").is_some_and(|file| !file.value.is_null())
    }

    /// The document of the recipe, without what has no meaning beside the settings that are given.
    fn begin(&self) -> Result<Value> {
        let value = |section: Result<Value, _>| {
            section.map_err(|error: yaml_serde::Error| Error::settings(format!("the recipe: {error}")))
        };
        let mut document = Value::Mapping(Mapping::new());
        let (mut model, given) = (self.recipe().model(), |key| self.given.get(key).map(|given| &given.value));
        if given("model.halting").is_some_and(|halting| halting.as_str() != Some("none")) {
            model.members = 1;
        }
        document["model"] = value(yaml_serde::to_value(model))?;
        let mut train = self.recipe().train();
        if given("train.validation").and_then(Value::as_f64) == Some(0.) {
            train.select = Selection::Auto;
        }
        document["train"] = value(yaml_serde::to_value(train))?;
        if self.has_file() {
            document["data"]["dates"] = value(yaml_serde::to_value(self.recipe().dates()))?;
            document["data"]["date_format"] = value(yaml_serde::to_value(self.recipe().date_format()))?;
        }
        Ok(document)
    }

    /// Whether the file's setting `key` is for synthetic data, which the caller has replaced by a data file.
    fn is_overridden(&self, key: &str, value: &Value) -> bool {
        let is_synthetic =
            matches!(key, "data.rows" | "data.noise") || (key == "data.features" && value.is_number());
        let file = self.given.get("data.file");
        is_synthetic && file.is_some_and(|file| matches!(file.origin, Origin::Caller(_)))
    }

    /// What of the settings is not as it may seem: a file of an earlier version, which lacks settings whose
    /// defaults have changed since; settings among `unused`, of which the command makes no use; and settings
    /// of the file or the recipe that have no effect beside the others.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate), and with [`Error::Settings`] when a setting without effect is not of
    /// the file or the recipe, but was [set](Self::set).
    pub fn warnings(&self, unused: &[&str]) -> Result<Vec<String>> {
        let mut warnings: Vec<_> = self.changed_defaults()?.into_iter().collect();
        for key in unused {
            // A file may well be for several commands.
            if let Some(Assignment { origin: origin @ Origin::Caller(_), .. }) = self.given.get(*key) {
                warnings.push(self.error(key, *origin, "has no effect on this command").to_string());
            }
        }
        for (key, problem) in self.validate()?.forgotten() {
            match self.given.get(key) {
                Some(Assignment { origin: origin @ Origin::Caller(_), .. }) => {
                    return Err(self.error(key, *origin, &problem));
                }
                Some(given) => warnings.push(self.error(key, given.origin, &problem).to_string()),
                // A recipe is for trainings of any length.
                None if key == "train.patience" => {}
                None => warnings.push(format!("the recipe's `{key}` {problem}")),
            }
        }
        Ok(warnings)
    }

    /// That a file which taper wrote lacks settings whose defaults differ from those of then, unless a recipe
    /// is asked for.
    fn changed_defaults(&self) -> Result<Option<String>> {
        let Some(file) = self.file.as_ref().filter(|file| file.is_written_by_taper()) else {
            return Ok(None);
        };
        if self.recipe.is_some() {
            return Ok(None);
        }
        let (now, then) = (self.config()?, self.clone().with_recipe(Recipe::Seed).config()?);
        // How a file of data is read, a document without one cannot say.
        let has_data = self.given.get("data.file").is_some_and(|file| matches!(file.origin, Origin::File));
        let said = keys().iter().filter(|key| has_data || !key.starts_with("data."));
        let changed = said.filter_map(|key| {
            let (now, then) = (now.get(key)?, then.get(key)?);
            (now != then).then(|| format!("{key} is {now} and was {then}"))
        });
        let changed: Vec<_> = changed.collect();
        if changed.is_empty() {
            return Ok(None);
        }
        Ok(Some(format!(
            "{} lacks settings as files of an earlier version do, and their defaults have changed: {}; `recipe=seed` \
             gives those of then",
            file.path().display(),
            changed.join(", ")
        )))
    }

    /// The validated configuration.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Settings`] when a value is of the wrong type or out of range, and with
    /// [`Error::Config`] when that value is a default, which does not fit the settings given.
    pub fn validate(&self) -> Result<ValidConfig> {
        self.config()?.validate().map_err(|error| self.as_given(error))
    }

    /// `error`, naming its setting as it was given. For errors that only the run can find, such as a column
    /// that the data lack.
    #[must_use]
    pub fn as_given(&self, error: Error) -> Error {
        match error {
            Error::Config { key, problem } => match self.given.get(key) {
                Some(given) => self.error(key, given.origin, &problem),
                None => Error::Config { key, problem },
            },
            error => error,
        }
    }

    /// The error of `key`, named as it was given.
    fn error(&self, key: &str, origin: Origin, problem: &str) -> Error {
        let file = self.file.as_ref().map(|file| file.place_of(key));
        let key = &shorten(key);
        Error::settings(match (origin, file) {
            (Origin::Caller(name), _) => format!("{} {problem}", name(key)),
            (Origin::File, Some(place)) if key.is_empty() => format!("{place}: {problem}"),
            (Origin::File, Some(place)) => format!("{place}: {key} {problem}"),
            (Origin::File, None) => format!("{key} {problem}"),
        })
    }
}

/// The slot of `key` in `document`, whose sections are created as needed.
fn slot<'a>(document: &'a mut Value, key: &str) -> &'a mut Value {
    key.split('.').fold(document, |section, name| &mut section[name])
}

/// The configuration, or the path that serde rejects, which may end with the index of a list's element, and
/// why.
fn read(document: &Value) -> Result<CvConfig, (String, String)> {
    serde_path_to_error::deserialize(document)
        .map_err(|error| (error.path().to_string(), error.inner().to_string()))
}

/// What is wrong with `value`, from serde's `message`.
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

/// `value` in a message.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(value) => format!("{value:?}"),
        Value::Sequence(values) => {
            let values: Vec<_> = values.iter().map(element).collect();
            format!("[{}]", list(&values))
        }
        Value::Mapping(_) => "a section".to_owned(),
        Value::Tagged(_) => "tagged".to_owned(),
    }
}

/// The element of a list in a message; of lists in lists one level is enough.
fn element(value: &Value) -> String {
    if value.is_sequence() { "a list".to_owned() } else { shown(value) }
}
