//! The names of the settings.

use std::sync::LazyLock;

use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;
use strsim::jaro_winkler;

use super::{CvConfig, DataConfig, ModelConfig, TrainConfig};

/// Returns the keys of all settings: the paths of the fields of a [`CvConfig`], those outside sections first.
///
/// # Examples
///
/// ```
/// use taper::config::keys;
///
/// assert_eq!(keys()[0], "folds");
/// assert!(keys().contains(&"train.lr"));
/// ```
pub fn keys() -> &'static [&'static str] {
    static KEYS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        let sections = [
            ("data", fields::<DataConfig>()),
            ("model", fields::<ModelConfig>()),
            ("train", fields::<TrainConfig>()),
        ];
        let is_section = |name: &str| sections.iter().any(|(section, _)| *section == name);
        let at_the_top = fields::<CvConfig>().iter().copied().filter(|name| !is_section(name));
        let in_sections = sections
            .iter()
            .flat_map(|(section, names)| names.iter().map(move |name| &*join(section, name).leak()));
        at_the_top.chain(in_sections).collect()
    });
    &KEYS
}

/// The names of the fields of `T` that serde reads.
fn fields<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // It stops when it has named them.
    let _ = T::deserialize(FieldNames(&mut names));
    names
}

/// Notes the names of the fields that a struct asks for.
struct FieldNames<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("has no values"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("has no fields"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The path of `name` in `section`, which is empty at the top.
pub(super) fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// The section of a path, empty at the top, and the name in it.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

/// Whether `path` is a section, empty at the top.
pub(super) fn is_section(path: &str) -> bool {
    keys().iter().any(|key| split(key).0 == path)
}

/// The key or section most similar to `path`. The name counts most, then one of its words or its initials,
/// then the section: `lr` at the top is `train.lr`, `depth` is `max_depth`, `wd` is `weight_decay`.
pub(super) fn nearest(path: &str) -> &'static str {
    let path = path.to_lowercase();
    let (section, name) = split(&path);
    let similarity = |known: &str| {
        let (in_section, is_name) = split(known);
        let initials: String = is_name.split('_').filter_map(|word| word.chars().next()).collect();
        let parts = is_name.split('_').chain([initials.as_str()]);
        let parts = parts.map(|part| 0.9 * jaro_winkler(name, part));
        parts.fold(jaro_winkler(name, is_name), f64::max) + 0.1 * jaro_winkler(section, in_section)
    };
    let sections = keys().iter().map(|key| split(key).0).filter(|section| !section.is_empty());
    let known = keys().iter().copied().chain(sections);
    known.max_by(|a, b| similarity(a).total_cmp(&similarity(b))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_those_that_serde_reads() {
        // Serde names the fields when it meets one that it does not know.
        for section in ["", "data", "model", "train"] {
            let unknown = serde_json::json!({"?": 0});
            let document = if section.is_empty() { unknown } else { serde_json::json!({ section: unknown }) };
            let error = serde_json::from_value::<CvConfig>(document).unwrap_err().to_string();
            let named = error.split('`').skip(3).step_by(2).map(|name| join(section, name));
            let keys = named.filter(|path| !is_section(path)).collect::<Vec<_>>();
            let expected: Vec<_> = self::keys().iter().filter(|key| split(key).0 == section).collect();
            assert_eq!(keys.iter().collect::<Vec<_>>(), expected, "{error}");
        }
        // A section that is missing above would be a key.
        let default = CvConfig::default();
        for key in keys() {
            assert!(!default.get(key).is_some_and(|value| value.is_object()), "{key} is a section");
        }
    }

    #[test]
    fn the_nearest_key_is_the_one_that_was_meant() {
        for (unknown, meant) in [
            ("train.learning_rate", "train.lr"),
            ("train.epoch", "train.epochs"),
            ("train.batchsize", "train.batch_size"),
            ("train.batch-size", "train.batch_size"),
            ("train.wd", "train.weight_decay"),
            ("train.LR", "train.lr"),
            ("model.lr", "train.lr"),
            ("model.hiden", "model.hidden"),
            ("model.depth", "model.max_depth"),
            ("decay", "train.weight_decay"),
            ("lr", "train.lr"),
            ("rows", "data.rows"),
            ("fold", "folds"),
            ("sed", "seed"),
            ("trian", "train"),
            ("training", "train"),
            ("data.row", "data.rows"),
        ] {
            assert_eq!(nearest(unknown), meant, "{unknown}");
        }
    }
}
