//! Lists of names on the command line.

use std::fmt;
use std::str::FromStr;

use csv::{ReaderBuilder, StringRecord};
use serde::{Serialize, Serializer};

/// Names separated by commas. One with a comma or a quote in it is quoted, as in a row of CSV:
/// `"distance, km",price`.
#[derive(Debug, Clone)]
pub(crate) struct Names(Vec<String>);

impl FromStr for Names {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut rows = reader.records();
        let row = rows.next().transpose().map_err(|error| error.to_string())?;
        if rows.next().is_some() {
            return Err(
                "expected names separated by commas; one with a line break is in double quotes".to_owned()
            );
        }
        let row = row.unwrap_or_else(|| StringRecord::from(vec![""]));
        Ok(Self(row.iter().map(str::to_owned).collect()))
    }
}

impl From<usize> for Names {
    /// A number in place of names.
    fn from(number: usize) -> Self {
        Self(vec![number.to_string()])
    }
}

/// As clap shows a default.
impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// All names of some lists.
pub(crate) fn all(lists: &[Names]) -> Vec<String> {
    lists.iter().flat_map(|list| list.0.iter().cloned()).collect()
}

/// Writes some lists as one.
pub(super) fn as_one<S: Serializer>(lists: &[Names], serializer: S) -> Result<S::Ok, S::Error> {
    all(lists).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_separated_by_commas_unless_they_are_quoted() {
        for (text, expected) in [
            ("a", vec!["a"]),
            ("a,b", vec!["a", "b"]),
            ("\"distance, km\",b", vec!["distance, km", "b"]),
            ("\"quo\"\"te\"", vec!["quo\"te"]),
            ("quo\"te", vec!["quo\"te"]),
            ("\"new\nline\",b", vec!["new\nline", "b"]),
            ("a,", vec!["a", ""]),
            ("", vec![""]),
            (" lead ,b", vec![" lead ", "b"]),
        ] {
            assert_eq!(text.parse::<Names>().unwrap().0, expected, "{text}");
        }
        assert!("a\nb".parse::<Names>().is_err());
    }
}
