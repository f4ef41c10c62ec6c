//! What is said of rows that cannot be learnt.

use candle_core::DType;

use super::{LONGEST_TEXT, Row, RowBuilder, SAMPLE};
use crate::config::Categories;
use crate::data::table::cell::{Cell, Real, has_commas};
use crate::data::table::columns::{MAX_CATEGORIES, MAX_CODES};
use crate::data::table::date_order::DateOrder;
use crate::data::table::line::place;
use crate::error::Error;
use crate::text::column_argument;

impl<T: Real> RowBuilder<'_, T> {
    /// The error of a field that should be a number.
    pub(super) fn not_a_number(&self, row: &impl Row, column: usize, cell: Cell) -> Error {
        let fits_f64 = || matches!(row.cell::<f64>(column), Cell::Number(_));
        let problem = match cell {
            Cell::Missing => {
                "is a missing value; \
                 `data.missing=drop` leaves out such rows, `data.missing=mean` fills the mean in"
            }
            Cell::Infinite => "is infinite, expected a finite number",
            Cell::TooLarge if T::DTYPE == DType::F32 && fits_f64() => {
                "is too large for f32, expected at most 3.4e38; `dtype=f64` has room"
            }
            Cell::TooLarge => "is too large for f64, expected at most 1.8e308",
            _ if row.has_decimal_commas() && row.text(column).parse::<f64>().is_ok() => {
                "has a point where decimals follow a comma; `data.decimal=point` reads points"
            }
            _ if has_commas(&row.text(column)) => {
                "has a comma, expected a number with a decimal point and no other mark, such as 1234.5"
            }
            _ if is_total(&row.text(column)) => {
                "is not a number: does the file end with a total? Then leave that line out of it"
            }
            _ if self.looks_like_units(row) => {
                "is not a number: are these units below the header? Then leave that line out of the file"
            }
            _ if self.choice.targets.contains(&column) => "is not a number, expected one in a target",
            _ if self.choice.number.contains(&column) => {
                "is not a number, as `data.number` says of the column"
            }
            _ => {
                let name = column_argument(&self.header[column]);
                &format!(
                    "is not a number, as most of the first {SAMPLE} values of the column are; `data.text={name}` reads all \
                     as text, `data.drop={name}` leaves the column out"
                )
            }
        };
        self.refuse(row, column, problem)
    }

    /// Whether the row is the first one and has texts in all columns.
    fn looks_like_units(&self, row: &impl Row) -> bool {
        let is_text = |column| matches!(row.cell::<T>(column), Cell::Text);
        self.y.len() < self.choice.targets.len() && self.choice.all().all(is_text) && self.kinds.len() > 1
    }

    /// That a field of a column of dates is none.
    pub(super) fn no_date(&self, column: usize, order: DateOrder) -> String {
        let name = column_argument(&self.header[column]);
        format!(
            "is not a date such as {}, as the first {SAMPLE} values of the column are; `data.text={name}` reads all as \
             text, `data.drop={name}` leaves the column out",
            order.example()
        )
    }

    pub(super) fn too_long(&self, row: &impl Row, column: usize) -> String {
        format!(
            "has {} bytes, expected at most {LONGEST_TEXT} in a text column, each of whose values becomes a feature; \
             `data.drop={}` leaves the column out",
            row.text(column).len(),
            column_argument(&self.header[column])
        )
    }

    pub(super) fn one_too_many(&self, column: usize) -> String {
        let name = column_argument(&self.header[column]);
        if self.config.categories != Categories::OneHot {
            return format!(
                "is one value too many for a text column, expected at most {MAX_CODES}; \
                 `data.drop={name}` leaves the column out"
            );
        }
        format!(
            "is one value too many for a text column, expected at most {MAX_CATEGORIES}; \
             `data.drop={name}` leaves the column out, `data.categories=auto` takes means of the target"
        )
    }

    /// The error of a field; `problem` continues the sentence that begins with it.
    pub(super) fn refuse(&self, row: &impl Row, column: usize, problem: &str) -> Error {
        self.error(row, Some(column), &format!("{} {problem}", row.quoted(column)))
    }

    pub(super) fn error(&self, row: &impl Row, column: Option<usize>, problem: &str) -> Error {
        let column = column.map(|column| self.header[column].as_str());
        Error::data(place(&self.config.file, row.line(), column), problem)
    }
}

/// Whether a field is what stands before the sums at the end of a table.
fn is_total(field: &str) -> bool {
    ["total", "totals", "grand total", "sum", "average", "mean"]
        .iter()
        .any(|word| field.eq_ignore_ascii_case(word))
}
