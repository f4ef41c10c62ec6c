//! The names of the settings.

use strsim::jaro_winkler;

/// The keys of all settings: the paths of the fields of a [`CvConfig`](super::CvConfig).
pub const KEYS: &[&str] = &[
    "folds",
    "holdout",
    "seed",
    "device",
    "dtype",
    "data.file",
    "data.target",
    "data.rows",
    "data.features",
    "data.drop",
    "data.missing",
    "data.group",
    "data.noise",
    "data.scale",
    "model.hidden",
    "model.min_depth",
    "model.max_depth",
    "model.layer",
    "model.cos_init",
    "train.epochs",
    "train.batch_size",
    "train.lr",
    "train.weight_decay",
    "train.engine",
];

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
    KEYS.iter().any(|key| split(key).0 == path)
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
    let sections = KEYS.iter().map(|key| split(key).0).filter(|section| !section.is_empty());
    let known = KEYS.iter().copied().chain(sections);
    known.max_by(|a, b| similarity(a).total_cmp(&similarity(b))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CvConfig;

    /// The fields that serde reads in `section`: it names them when it meets one that it does not know.
    fn fields(section: &str) -> Vec<String> {
        let strange = serde_json::json!({"?": 0});
        let document = if section.is_empty() { strange } else { serde_json::json!({ section: strange }) };
        let message = serde_json::from_value::<CvConfig>(document).unwrap_err().to_string();
        let (_, fields) = message.split_once("expected ").unwrap();
        fields.split('`').skip(1).step_by(2).map(|field| join(section, field)).collect()
    }

    #[test]
    fn the_keys_are_those_that_serde_reads() {
        let (sections, mut fields): (Vec<_>, Vec<_>) =
            fields("").into_iter().partition(|field| is_section(field));
        fields.extend(sections.iter().flat_map(|section| self::fields(section)));
        fields.sort();
        let mut keys = KEYS.to_vec();
        keys.sort_unstable();
        assert_eq!(keys, fields);
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
