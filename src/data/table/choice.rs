//! The choice of columns by name.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::config::FileConfig;
use crate::error::{Error, Result};
use crate::text::{column_in_list, list};

/// The longest name that is compared with those of a file, in letters: longer ones are hardly typed wrong.
const LONGEST_TYPED: usize = 40;

/// The indices of the columns to learn from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// The features, in the order of the file, or as listed if they are chosen by name.
    pub(super) features: Vec<usize>,
    /// The targets, as listed.
    pub(super) targets: Vec<usize>,
    /// The group column.
    pub(super) group: Option<usize>,
    /// The column that orders the rows.
    pub(super) order: Option<usize>,
    /// The columns of text, and those of numbers, as far as they are declared.
    pub(super) text: Vec<usize>,
    pub(super) number: Vec<usize>,
}

impl Choice {
    /// Finds the columns that `config` names among those of `header`, of which `unused` are features only if
    /// they are named.
    pub(super) fn new(config: &FileConfig, header: &[String], unused: &[usize]) -> Result<Self> {
        if config.target.is_empty() {
            let problem = format!("is missing, expected a column of {}", some_of(&config.file, header));
            return Err(Error::config("data.target", problem));
        }
        let find = |key, names: &[String]| find(key, names, header, &config.file);
        let targets = find("data.target", &config.target)?;
        let group = find("data.group", config.group.as_slice())?.first().copied();
        let order = find("data.order", config.order.as_slice())?.first().copied();
        let named = find("data.features", &config.features)?;
        let dropped = find("data.drop", &config.drop)?;
        let (text, number) = (find("data.text", &config.text)?, find("data.number", &config.number)?);
        let [are_targets, are_text, are_dropped] = [&targets, &text, &dropped].map(|columns| set(columns));
        for (key, columns) in [
            ("data.group", group.as_slice()),
            ("data.order", order.as_slice()),
            ("data.features", &named),
            ("data.drop", &dropped),
        ] {
            if let Some(&column) = columns.iter().find(|column| are_targets.contains(column)) {
                return Err(Error::config(key, format!("is '{}', which is a target", header[column])));
            }
        }
        for (key, columns) in [("data.features", &named), ("data.drop", &dropped)] {
            if let Some(&column) = columns.iter().find(|column| group == Some(**column)) {
                return Err(Error::config(key, format!("is '{}', which is the group", header[column])));
            }
            if let Some(&column) = columns.iter().find(|column| order == Some(**column)) {
                return Err(Error::config(key, format!("is '{}', which orders the rows", header[column])));
            }
        }
        for (key, columns) in [("data.text", &text), ("data.number", &number)] {
            if let Some(&column) = columns.iter().find(|column| order == Some(**column)) {
                let problem = format!("is '{}', which orders the rows, expected features", header[column]);
                return Err(Error::config(key, problem));
            }
        }
        if let Some(&column) = text.iter().find(|column| are_targets.contains(column)) {
            let problem = format!("is '{}', which is a target, expected features", header[column]);
            return Err(Error::config("data.text", problem));
        }
        if let Some(&column) = number.iter().find(|column| are_text.contains(column)) {
            let problem =
                format!("is '{}', which is text by `data.text`, expected one or the other", header[column]);
            return Err(Error::config("data.number", problem));
        }
        let are_unused = set(unused);
        let is_left = |column: &usize| {
            ![group, order].contains(&Some(*column))
                && ![&are_targets, &are_dropped, &are_unused].iter().any(|columns| columns.contains(column))
        };
        let features = if named.is_empty() { (0..header.len()).filter(is_left).collect() } else { named };
        if features.is_empty() {
            let problem =
                format!("is none of the columns of {}, expected at least one", some_of(&config.file, header));
            return Err(Error::config("data.features", problem));
        }
        Ok(Self { features, targets, group, order, text, number })
    }

    /// All chosen columns: the targets, the group, the order and the features.
    pub(super) fn all(&self) -> impl Iterator<Item = usize> + '_ {
        let marks = self.group.iter().chain(&self.order);
        self.targets.iter().chain(marks).chain(&self.features).copied()
    }
}

/// The indices in `header` of `names`, each of which must be there and be listed once.
pub(super) fn find(
    key: &'static str,
    names: &[String],
    header: &[String],
    file: &Path,
) -> Result<Vec<usize>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    if let Some((_, second)) = twice(names) {
        return Err(Error::config(key, format!("is '{}' twice, expected each column once", names[second])));
    }
    let places = places(header);
    let index = |name: &String| {
        places.get(name.as_str()).copied().ok_or_else(|| {
            let advice = nearest(name, header).map_or_else(
                || format!("expected one of {}", list(&in_list(header))),
                |column| format!("did you mean '{column}'?"),
            );
            Error::config(key, format!("is '{name}', which {} does not have; {advice}", file.display()))
        })
    };
    names.iter().map(index).collect()
}

/// The index of each name of `header`, the first one if there are several.
pub(super) fn places(header: &[String]) -> HashMap<&str, usize> {
    let mut places = HashMap::with_capacity(header.len());
    for (i, name) in header.iter().enumerate() {
        places.entry(name.as_str()).or_insert(i);
    }
    places
}

/// The indices of the first name in `header` that is there twice, if there is such.
pub(super) fn twice(header: &[String]) -> Option<(usize, usize)> {
    let places = places(header);
    header.iter().enumerate().map(|(i, name)| (places[name.as_str()], i)).find(|(first, i)| first < i)
}

fn set(columns: &[usize]) -> HashSet<usize> {
    columns.iter().copied().collect()
}

/// The column whose name is closest to `name`, if it is close.
pub(super) fn nearest<'a>(name: &str, header: &'a [String]) -> Option<&'a String> {
    let letters = name.chars().count();
    if letters > LONGEST_TYPED {
        return None;
    }
    // Up to a third of the letters may differ. Names of other lengths are not compared, which takes their
    // product.
    let most = letters.max(2) / 3;
    let name = name.to_lowercase();
    let distance = |column: &String| strsim::damerau_levenshtein(&name, &column.to_lowercase());
    header
        .iter()
        .filter(|column| column.chars().take(letters + most + 1).count().abs_diff(letters) <= most)
        .map(|column| (distance(column), column))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, column)| column)
}

/// The names of columns as they stand in a list.
fn in_list(header: &[String]) -> Vec<String> {
    header.iter().map(|name| column_in_list(name)).collect()
}

/// The first columns of a file.
fn some_of(file: &Path, header: &[String]) -> String {
    format!("{}: {}", file.display(), list(&in_list(header)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(target: &[&str], features: &[&str], drop: &[&str], group: Option<&str>) -> Result<Choice> {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let config = FileConfig {
            file: "t.csv".into(),
            target: owned(target),
            features: owned(features),
            drop: owned(drop),
            group: group.map(str::to_owned),
            ..FileConfig::default()
        };
        Choice::new(&config, &owned(&["id", "age", "bmi", "y", "z"]), &[])
    }

    #[test]
    fn columns_are_chosen_by_name() {
        let chosen = |features: &[usize], targets: &[usize], group| Choice {
            features: features.to_vec(),
            targets: targets.to_vec(),
            group,
            order: None,
            text: Vec::new(),
            number: Vec::new(),
        };
        assert_eq!(choose(&["y"], &[], &[], None).unwrap(), chosen(&[0, 1, 2, 4], &[3], None));
        assert_eq!(choose(&["z", "y"], &[], &["bmi"], Some("id")).unwrap(), chosen(&[1], &[4, 3], Some(0)));
        assert_eq!(choose(&["y"], &["bmi", "age"], &[], None).unwrap(), chosen(&[2, 1], &[3], None));
    }
}
