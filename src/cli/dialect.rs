//! The flags that say how a file of text is written.

use clap::Args;
use serde::Serialize;
use taper::config::{Decimal, Dialect, Encoding, Mark};

use super::value_enum::value_enum;

/// How a file of text is written.
#[derive(Debug, Args, Serialize)]
pub(crate) struct DialectArgs {
    /// What stands between the fields of a text file: a mark such as ; or |, tab, or space for any number of
    /// them; by default the one that its first rows agree on
    #[arg(long, value_name = "MARK", allow_hyphen_values = true, help_heading = "Text files")]
    delimiter: Option<Mark>,
    /// What stands before decimals in a text file
    #[arg(long, value_name = "MARK", value_enum, default_value_t, help_heading = "Text files")]
    decimal: DecimalArg,
    /// Whether a text file has no header, so that columns are called by their places
    #[arg(long, help_heading = "Text files")]
    no_header: bool,
    /// Lines of a text file before the header
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        help_heading = "Text files",
        allow_negative_numbers = true
    )]
    skip_rows: usize,
    /// What begins a line of a text file that is not read, such as #
    #[arg(long, value_name = "MARK", allow_hyphen_values = true, help_heading = "Text files")]
    comment: Option<Mark>,
    /// Encoding of a text file, such as windows-1252 or utf-16le; by default that of its byte order mark, or
    /// else UTF-8
    #[arg(long, value_name = "NAME", help_heading = "Text files")]
    encoding: Option<Encoding>,
}

impl DialectArgs {
    /// The dialect that the flags say.
    pub(crate) fn dialect(&self) -> Dialect {
        let Self { delimiter, decimal, no_header, skip_rows, comment, encoding } = *self;
        Dialect { delimiter, decimal: decimal.into(), no_header, skip_rows, comment, encoding }
    }
}

value_enum!(DecimalArg for Decimal {
    /// A comma where fields are not separated by commas and the first numbers have commas alone
    Auto,
    /// A point
    Point,
    /// A comma; points are between groups of three digits
    Comma
});
