//! The settings of the data: made up, or read from a file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::dialect::{Decimal, Dialect, Mark};
use super::encoding::Encoding;
use super::table::{Categories, DateFormat, Dates, FileConfig, Fill, Missing, MissingTarget};

/// The data to learn: those of `file`, or else the synthetic y = x w + noise e.
///
/// In a document `features` is the synthetic data's number of features, or beside `file` the list of its
/// columns to learn from:
///
/// ```
/// use taper::config::DataConfig;
///
/// let made_up: DataConfig = serde_json::from_str(r#"{"rows": 200, "features": 4}"#)?;
/// assert_eq!((made_up.rows, made_up.features, made_up.noise), (200, 4, 0.1));
///
/// let read: DataConfig = serde_json::from_str(r#"{"file": "a.csv", "target": ["y"], "features": ["age", "bmi"]}"#)?;
/// assert_eq!(read.file.unwrap().features, ["age", "bmi"]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Document", into = "Document")]
pub struct DataConfig {
    /// The number of synthetic rows.
    pub rows: usize,
    /// The number of features of a synthetic row.
    pub features: usize,
    /// The standard deviation of the synthetic noise.
    pub noise: f64,
    /// Whether features and targets are scaled within each fold.
    pub scale: Scale,
    /// The file to learn from instead.
    pub file: Option<FileConfig>,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self { rows: 16_384, features: 64, noise: 0.1, scale: Scale::Auto, file: None }
    }
}

impl DataConfig {
    /// Whether features and targets are scaled: `auto` scales what was read and not what was made up.
    pub fn is_scaled(&self) -> bool {
        match self.scale {
            Scale::Auto => self.file.is_some(),
            Scale::Standard | Scale::RobustClip | Scale::Quantile => true,
            Scale::None => false,
        }
    }

    /// The files that are read: that of the data and, for .npy, those of the targets.
    pub fn files(&self) -> Vec<&Path> {
        let Some(file) = &self.file else { return Vec::new() };
        let targets = file.target.iter().map(Path::new).filter(|_| file.is_npy());
        [file.file.as_path()].into_iter().chain(targets).collect()
    }

    /// Whether missing features are filled within each fold.
    pub fn is_filled(&self) -> bool {
        self.fill().is_some()
    }

    /// What missing numbers become, if they are filled in.
    pub(super) fn fill(&self) -> Option<Fill> {
        self.file.as_ref().and_then(|file| file.missing.fill())
    }
}

/// Whether features and targets are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Data from files as by `Standard`, synthetic data as by `None`.
    #[default]
    Auto,
    /// Each column to mean 0 and standard deviation 1 over the rows to train on.
    Standard,
    /// As by `Standard`, but the input layer takes numbers among the features by their median and quartiles,
    /// and far ones bent to at most 3, so that outliers pull no harder than others. A linear function of the
    /// features as they are is added to the output, as by
    /// [`ModelConfig::skip`](crate::nn::ModelConfig::skip): there may be a linear law.
    RobustClip,
    /// Numbers among the features by their quantiles, as numbers of a standard normal distribution, all else
    /// as by `Standard`: only the order of the numbers counts, so neither outliers nor a linear law are left.
    Quantile,
    /// Columns stay as they are.
    None,
}

/// How [`DataConfig`] is written: without the settings that have no meaning beside the others.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    features: Option<Features>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drop: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Missing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_indicator: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_target: Option<MissingTarget>,
    #[serde(skip_serializing_if = "Option::is_none")]
    na: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    categories: Option<Categories>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dates: Option<Dates>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_format: Option<DateFormat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delimiter: Option<Mark>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decimal: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_header: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip_rows: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<Mark>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<Encoding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    noise: Option<f64>,
    scale: Scale,
}

/// The number of synthetic features, or the names of a file's.
#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number, or beside data.file a list of columns such as [\"age\", \"2024\"]"
)]
enum Features {
    Number(usize),
    Names(Vec<String>),
}

impl From<DataConfig> for Document {
    fn from(DataConfig { rows, features, noise, scale, file }: DataConfig) -> Self {
        match file {
            None => Self {
                rows: Some(rows),
                features: Some(Features::Number(features)),
                noise: Some(noise),
                scale,
                ..Self::default()
            },
            Some(FileConfig {
                file,
                target,
                features,
                drop,
                missing,
                missing_indicator,
                group,
                order,
                missing_target,
                na,
                text,
                number,
                categories,
                dates,
                date_format,
                dialect: Dialect { delimiter, decimal, no_header, skip_rows, comment, encoding },
            }) => Self {
                file: Some(file),
                target: Some(target),
                features: Some(Features::Names(features)),
                drop: Some(drop),
                missing: Some(missing),
                missing_indicator: Some(missing_indicator),
                group,
                order,
                missing_target: Some(missing_target),
                na: Some(na),
                text: Some(text),
                number: Some(number),
                categories: Some(categories),
                dates: Some(dates),
                date_format: Some(date_format),
                delimiter,
                decimal: Some(decimal),
                no_header: Some(no_header),
                skip_rows: Some(skip_rows),
                comment,
                encoding,
                scale,
                ..Self::default()
            },
        }
    }
}

impl TryFrom<Document> for DataConfig {
    type Error = String;

    fn try_from(document: Document) -> Result<Self, String> {
        let Document {
            file,
            target,
            rows,
            features,
            drop,
            missing,
            missing_indicator,
            group,
            order,
            missing_target,
            na,
            text,
            number,
            categories,
            dates,
            date_format,
            delimiter,
            decimal,
            no_header,
            skip_rows,
            comment,
            encoding,
            noise,
            scale,
        } = document;
        let misplaced =
            |key: &str, expected: &str| Err(format!("data.{key} has a meaning {expected} data.file"));
        let default = Self { scale, ..Self::default() };
        let Some(file) = file else {
            let features = match features {
                None => default.features,
                Some(Features::Number(features)) => features,
                Some(Features::Names(_)) => return misplaced("features as a list", "only beside"),
            };
            for (key, is_there) in [
                ("target", target.is_some()),
                ("drop", drop.is_some()),
                ("missing", missing.is_some()),
                ("missing_indicator", missing_indicator.is_some()),
                ("group", group.is_some()),
                ("order", order.is_some()),
                ("missing_target", missing_target.is_some()),
                ("na", na.is_some()),
                ("text", text.is_some()),
                ("number", number.is_some()),
                ("categories", categories.is_some()),
                ("dates", dates.is_some()),
                ("date_format", date_format.is_some()),
                ("delimiter", delimiter.is_some()),
                ("decimal", decimal.is_some()),
                ("no_header", no_header.is_some()),
                ("skip_rows", skip_rows.is_some()),
                ("comment", comment.is_some()),
                ("encoding", encoding.is_some()),
            ] {
                if is_there {
                    return misplaced(key, "only beside");
                }
            }
            let (rows, noise) = (rows.unwrap_or(default.rows), noise.unwrap_or(default.noise));
            return Ok(Self { rows, features, noise, ..default });
        };
        let features = match features {
            None => Vec::new(),
            Some(Features::Names(names)) => names,
            Some(Features::Number(_)) => return misplaced("features as a number", "only without"),
        };
        for (key, is_there) in [("rows", rows.is_some()), ("noise", noise.is_some())] {
            if is_there {
                return misplaced(key, "only without");
            }
        }
        let file = FileConfig {
            file,
            target: target.unwrap_or_default(),
            features,
            drop: drop.unwrap_or_default(),
            missing: missing.unwrap_or_default(),
            missing_indicator: missing_indicator.unwrap_or_default(),
            group,
            order,
            missing_target: missing_target.unwrap_or_default(),
            na: na.unwrap_or_default(),
            text: text.unwrap_or_default(),
            number: number.unwrap_or_default(),
            categories: categories.unwrap_or_default(),
            dates: dates.unwrap_or_default(),
            date_format: date_format.unwrap_or_default(),
            dialect: Dialect {
                delimiter,
                decimal: decimal.unwrap_or_default(),
                no_header: no_header.unwrap_or_default(),
                skip_rows: skip_rows.unwrap_or_default(),
                comment,
                encoding,
            },
        };
        Ok(Self { file: Some(file), ..default })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let file = FileConfig {
            file: "a.csv".into(),
            target: vec!["y".to_owned()],
            drop: vec!["id".to_owned()],
            missing: Missing::Mean,
            group: Some("patient".to_owned()),
            ..FileConfig::default()
        };
        let config = DataConfig { file: Some(file), scale: Scale::None, ..DataConfig::default() };
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(
            text,
            r#"{"file":"a.csv","target":["y"],"features":[],"drop":["id"],"missing":"mean","missing_indicator":false,"group":"patient","missing_target":"error","na":[],"text":[],"number":[],"categories":"auto","dates":"text","date_format":"year-first","decimal":"auto","no_header":false,"skip_rows":0,"scale":"none"}"#
        );
        assert_eq!(serde_json::from_str::<DataConfig>(&text).unwrap(), config);

        let config = DataConfig { rows: 9, ..DataConfig::default() };
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(text, r#"{"rows":9,"features":64,"noise":0.1,"scale":"auto"}"#);
        assert_eq!(serde_json::from_str::<DataConfig>(&text).unwrap(), config);
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        for (text, message) in [
            (r#"{"file": "a.csv", "rows": 9}"#, "data.rows has a meaning only without data.file"),
            (r#"{"file": "a.csv", "noise": 9}"#, "data.noise has a meaning only without data.file"),
            (
                r#"{"file": "a.csv", "features": 9}"#,
                "data.features as a number has a meaning only without data.file",
            ),
            (r#"{"features": ["a"]}"#, "data.features as a list has a meaning only beside data.file"),
            (r#"{"target": ["a"]}"#, "data.target has a meaning only beside data.file"),
            (r#"{"missing": "drop"}"#, "data.missing has a meaning only beside data.file"),
            (
                r#"{"features": true}"#,
                "expected a number, or beside data.file a list of columns such as [\"age\", \"2024\"]",
            ),
            (r#"{"fil": "a.csv"}"#, "unknown field `fil`"),
        ] {
            let error = serde_json::from_str::<DataConfig>(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
