//! How a file of text is written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::encoding::Encoding;

/// How a file of text is written, as far as that is not to be found out from the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dialect {
    /// What stands between fields: by default the comma, semicolon, tab or bar that gives the first rows the
    /// same number of fields, and most, or else spaces. A space stands for any number of spaces and tabs.
    pub delimiter: Option<Mark>,
    /// What stands before decimals.
    pub decimal: Decimal,
    /// Whether the first row has fields and not the names of the columns, which are then `column_1` and so
    /// on.
    pub no_header: bool,
    /// How many lines there are before the header.
    pub skip_rows: usize,
    /// What begins a line that is not read.
    pub comment: Option<Mark>,
    /// The encoding: by default that of the byte order mark, or else UTF-8.
    pub encoding: Option<Encoding>,
}

/// What stands before decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decimal {
    /// A comma where commas are not between fields and the numbers of the first rows have commas alone; else
    /// a point.
    #[default]
    Auto,
    /// A point.
    Point,
    /// A comma; points are then between groups of three digits.
    Comma,
}

/// A character that separates fields or begins comments.
///
/// # Examples
///
/// ```
/// use taper::config::Mark;
///
/// let mark: Mark = ";".parse()?;
/// assert_eq!(mark.byte(), b';');
/// assert_eq!("tab".parse::<Mark>()?.byte(), b'\t');
/// assert!("ab".parse::<Mark>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mark(u8);

impl Mark {
    /// The character, which is one of ASCII.
    pub fn byte(self) -> u8 {
        self.0
    }
}

impl FromStr for Mark {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "tab" | "\\t" | "\t" => Ok(Self(b'\t')),
            "space" | " " => Ok(Self(b' ')),
            _ => match *text.as_bytes() {
                [mark] if mark.is_ascii_punctuation() && mark != b'"' => Ok(Self(mark)),
                _ => Err("expected one mark such as ; or |, or tab or space".to_owned()),
            },
        }
    }
}

impl TryFrom<String> for Mark {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Mark> for String {
    fn from(mark: Mark) -> Self {
        mark.to_string()
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b'\t' => f.write_str("tab"),
            b' ' => f.write_str("space"),
            mark => write!(f, "{}", char::from(mark)),
        }
    }
}
