//! The places of rows and fields in their file, as messages name them.

use std::path::Path;

/// The place of the row at `line`, or of its field in `column`, as in `houses.csv:17:price`. The lines of
/// text, and the rows of other files, are counted from 1.
pub(super) fn place(file: &Path, line: u64, column: Option<&str>) -> String {
    match column {
        Some(column) => format!("{}:{line}:{column}", file.display()),
        None => format!("{}:{line}", file.display()),
    }
}
