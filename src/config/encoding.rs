//! The encoding of a file of text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An encoding of text, by a name that the [Encoding
/// Standard](https://encoding.spec.whatwg.org/#names-and-labels) has for it.
///
/// # Examples
///
/// ```
/// use taper::config::Encoding;
///
/// let encoding: Encoding = "latin1".parse()?;
/// assert_eq!(encoding.to_string(), "windows-1252");
/// assert!("cp0".parse::<Encoding>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Encoding(&'static encoding_rs::Encoding);

impl Encoding {
    pub(crate) fn get(self) -> &'static encoding_rs::Encoding {
        self.0
    }
}

impl FromStr for Encoding {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let encoding = encoding_rs::Encoding::for_label(name.as_bytes());
        // It stands for encodings that nothing is to be read in.
        let encoding = encoding.filter(|encoding| *encoding != encoding_rs::REPLACEMENT);
        let expected = "expected an encoding such as utf-8, utf-16le, windows-1252, iso-8859-2 or shift_jis";
        encoding.map(Self).ok_or_else(|| expected.to_owned())
    }
}

impl TryFrom<String> for Encoding {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<Encoding> for String {
    fn from(encoding: Encoding) -> Self {
        encoding.to_string()
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name().to_ascii_lowercase())
    }
}
