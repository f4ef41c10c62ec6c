//! What a model knows about its data.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::config::Fill;
use crate::data::{CategoryMeans, Column, MAX_CATEGORIES, MAX_CODES, Scaling, target_names};
use crate::metrics::Residuals;
use crate::ops::Quantiles;

/// What a model knows about its data: the columns of its features, the names of its targets, and how both are
/// scaled.
///
/// # Examples
///
/// ```
/// use taper::model::Schema;
///
/// let schema = Schema::unnamed(3, 1);
/// assert_eq!(schema.features[2].name, "x2");
/// assert_eq!(schema.targets, ["y"]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The columns of the features.
    pub features: Vec<Column>,
    /// The names of the targets.
    pub targets: Vec<String>,
    /// The texts that stand for a missing value instead of the usual ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub na: Vec<String>,
    /// Whether `feature_scaling` fills missing features; otherwise they are errors.
    pub fills_missing: bool,
    /// With what it fills missing numbers.
    #[serde(default, skip_serializing_if = "is_mean")]
    pub fill: Fill,
    /// What texts of many values become, before they are scaled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category_means: Option<CategoryMeans>,
    /// The scaling of all [features](Column::width) of the columns, and what fills missing ones.
    pub feature_scaling: Option<Scaling>,
    /// The scaling of the targets that the network was trained on.
    pub target_scaling: Option<Scaling>,
    /// The quantiles of each target that the network predicts; none as a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<Quantiles>,
    /// The sizes of the errors of each target on rows that the network was not trained on, of which intervals
    /// are made; none as a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residuals: Option<Vec<Residuals>>,
}

impl Schema {
    /// The schema of data without names, such as synthetic data or arrays: features `x0`, `x1`, ..., targets
    /// `y` or `y0`, `y1`, ..., none of them scaled.
    pub fn unnamed(features: usize, targets: usize) -> Self {
        Self {
            features: Column::unnamed(features),
            targets: target_names(targets),
            na: Vec::new(),
            fills_missing: false,
            fill: Fill::Mean,
            category_means: None,
            feature_scaling: None,
            target_scaling: None,
            quantiles: None,
            residuals: None,
        }
    }

    /// The number of features, of which a text or a date may be [several](Column::width).
    pub fn width(&self) -> usize {
        self.features.iter().map(Column::width).sum()
    }

    /// The number of outputs of the network: one for each target, or for each quantile of each.
    pub fn outputs(&self) -> usize {
        self.targets.len() * self.quantiles.map_or(1, |quantiles| quantiles.len())
    }

    /// The name of feature `i`: that of its column, or `town=Ulm` for a category, `sold season sine` for a part
    /// of a date, and `size is missing` for what says where it is.
    pub fn feature_name(&self, mut i: usize) -> String {
        for column in &self.features {
            if i < column.width() {
                if i < column.target_means {
                    let target = self.targets.get(i).map_or("", String::as_str);
                    return format!("{} mean of {target}", column.name);
                }
                return match (column.categories.get(i), column.dates.get(i)) {
                    (Some(category), _) => format!("{}={category}", column.name),
                    (None, Some(part)) => format!("{} {}", column.name, part.name()),
                    (None, None) if column.marks_missing && i + 1 == column.width() => {
                        format!("{} is missing", column.name)
                    }
                    (None, None) => column.name.clone(),
                };
            }
            i -= column.width();
        }
        String::new()
    }

    /// What is invalid in the means of texts, if anything.
    fn problem_of_means(&self) -> Option<String> {
        let targets = self.targets.len();
        let (mut at, mut expected) = (0, Vec::new());
        for column in &self.features {
            let Column { name, categories, target_means, .. } = column;
            if *target_means != 0 && (*target_means != targets || categories.is_empty()) {
                return Some(format!(
                    "has means of {target_means} targets for '{name}', expected {targets} of a text"
                ));
            }
            expected.extend((at..at + target_means).map(|feature| (feature, categories.len())));
            at += column.width();
        }
        let found = self.category_means.as_ref().map_or(Some(Vec::new()), CategoryMeans::sound_features);
        (found != Some(expected)).then(|| "has means of texts that are not those of its columns".to_owned())
    }

    /// What is invalid in it, if anything.
    pub(super) fn problem(&self) -> Option<String> {
        if self.features.is_empty() || self.targets.is_empty() {
            return Some("has no features or no targets".to_owned());
        }
        let mut names = HashSet::new();
        for name in self.features.iter().map(|column| &column.name).chain(&self.targets) {
            if name.is_empty() || !names.insert(name) {
                return Some(format!("has two columns of the name '{name}', or one without a name"));
            }
        }
        for Column { name, categories, dates, target_means, .. } in &self.features {
            if !categories.is_empty() && !dates.is_empty() {
                return Some(format!("has categories and dates of '{name}', expected one or the other"));
            }
            // Strictly ascending, for binary search.
            let most = if *target_means > 0 { MAX_CODES } else { MAX_CATEGORIES };
            if categories.len() > most || !categories.is_sorted_by(|a, b| a < b) {
                return Some(format!("has categories of '{name}' that are not sorted or more than {most}"));
            }
        }
        for (what, scaling, width) in [
            ("features", &self.feature_scaling, self.width()),
            ("targets", &self.target_scaling, self.targets.len()),
        ] {
            if scaling.as_ref().is_some_and(|scaling| scaling.sound_columns() != Some(width)) {
                return Some(format!(
                    "has a scaling of the {what} that is not one of {width} finite numbers"
                ));
            }
        }
        if let Some(residuals) = &self.residuals
            && (residuals.len() != self.targets.len() || !residuals.iter().all(Residuals::is_sound))
        {
            return Some("has sizes of errors that are none, or not those of each target".to_owned());
        }
        if let Some(problem) = self.problem_of_means() {
            return Some(problem);
        }
        if !self.fills_missing
            && let Some(column) = self.features.iter().find(|column| column.marks_missing)
        {
            return Some(format!("marks missing values of '{}', but does not fill them in", column.name));
        }
        (self.fills_missing && self.feature_scaling.is_none())
            .then(|| "fills missing values in, but does not know with what".to_owned())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_mean(fill: &Fill) -> bool {
    *fill == Fill::Mean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(name: &str, categories: &[&str]) -> Column {
        let categories = categories.iter().map(|&category| category.to_owned()).collect();
        Column { name: name.to_owned(), categories, ..Column::default() }
    }

    #[test]
    fn features_are_named_by_column_and_category() {
        let mut schema = Schema::unnamed(2, 1);
        schema.features.insert(1, texts("town", &["Bonn", "Ulm"]));
        assert_eq!(schema.width(), 4);
        let names: Vec<_> = (0..5).map(|i| schema.feature_name(i)).collect();
        assert_eq!(names, ["x0", "town=Bonn", "town=Ulm", "x1", ""]);
    }

    #[test]
    fn invalid_schemas_are_found() {
        let good = Schema::unnamed(2, 2);
        assert_eq!(good.problem(), None);
        let with = |change: &dyn Fn(&mut Schema)| {
            let mut schema = good.clone();
            change(&mut schema);
            schema.problem().unwrap()
        };
        assert!(with(&|schema| schema.features.clear()).contains("no features or no targets"));
        assert!(with(&|schema| schema.targets.clear()).contains("no features or no targets"));
        assert!(with(&|schema| schema.targets[0] = "x1".to_owned()).contains("two columns of the name 'x1'"));
        assert!(with(&|schema| schema.features[0].name.clear()).contains("one without a name"));
        let unsorted = with(&|schema| schema.features[0] = texts("t", &["b", "a"]));
        assert!(unsorted.contains("categories of 't' that are not sorted"), "{unsorted}");
        assert!(with(&|schema| schema.features[0] = texts("t", &["a", "a"])).contains("not sorted"));
        assert!(
            with(&|schema| schema.residuals = Some(vec![Residuals::new(vec![1.])]))
                .contains("sizes of errors")
        );
        assert!(with(&|schema| schema.fills_missing = true).contains("does not know with what"));
    }
}
