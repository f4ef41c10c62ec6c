//! Single fields.

use candle_core::WithDType;

use super::markers::Notation;
use super::sniff::decimal_comma;

/// The types in which features are kept.
pub(super) trait Real: WithDType {}

impl Real for f32 {}
impl Real for f64 {}

/// The content of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell {
    /// No value, see [`Markers`](super::markers::Markers).
    Missing,
    /// A finite number.
    Number(f64),
    /// An infinity by name.
    Infinite,
    /// A finite number beyond the range of the type in which features are kept.
    TooLarge,
    /// Anything else.
    Text,
}

impl Cell {
    /// Parses a trimmed field of text, a number to the nearest `f64` that the type `T` has room for.
    pub(super) fn parse<T: Real>(field: &str, notation: &Notation) -> Self {
        if notation.markers.contain(field) {
            return Self::Missing;
        }
        let number = if notation.has_decimal_commas && field.contains(['.', ',']) {
            decimal_comma(field).and_then(|field| field.parse().ok())
        } else {
            field.parse().ok()
        };
        match number {
            Some(number) => match Self::of::<T>(number) {
                Self::Infinite if field.bytes().any(|byte| byte.is_ascii_digit()) => Self::TooLarge,
                cell => cell,
            },
            None => Self::Text,
        }
    }

    /// The cell of a number; NaN is a missing value.
    pub(super) fn of<T: Real>(number: f64) -> Self {
        match number {
            _ if number.is_nan() => Self::Missing,
            _ if number.is_infinite() => Self::Infinite,
            _ if T::from_f64(number).to_f64().is_infinite() => Self::TooLarge,
            _ => Self::Number(number),
        }
    }
}

/// Whether a field that is not a number is one in another notation: with a decimal comma, as `1,5`, or commas
/// between groups of three digits, as `1,234.5`. Other lists of numbers, as `1,2,3`, are text.
pub(super) fn has_commas(field: &str) -> bool {
    let Some((_, rest)) = field.split_once(',') else { return false };
    let mut groups = rest.split([',', '.']);
    let are_groups = rest.contains(',') && groups.next().is_some_and(|group| group.len() == 3);
    (are_groups || !rest.contains(',')) && field.replace(',', "").parse::<f64>().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::table::markers::Markers;

    const POINTS: Notation = Notation { markers: Markers::Usual, has_decimal_commas: false };

    #[test]
    fn decimal_commas_are_read_where_they_are_in_use() {
        let commas = Notation { has_decimal_commas: true, ..POINTS };
        for (field, cell) in [
            ("1,5", Cell::Number(1.5)),
            ("-1.234,5", Cell::Number(-1234.5)),
            ("12", Cell::Number(12.)),
            ("1e3", Cell::Number(1000.)),
            ("1.5", Cell::Text),
            ("NA", Cell::Missing),
        ] {
            assert_eq!(Cell::parse::<f32>(field, &commas), cell, "{field}");
        }
    }

    #[test]
    fn numbers_are_read_as_written() {
        for (field, number) in [
            ("1", 1.),
            ("+5", 5.),
            ("-0.5", -0.5),
            (".5", 0.5),
            ("5.", 5.),
            ("1e3", 1000.),
            ("1E-2", 0.01),
            ("1e-400", 0.),
            ("007", 7.),
        ] {
            assert_eq!(Cell::parse::<f32>(field, &POINTS), Cell::Number(number), "{field}");
        }
        // Not rounded to f32.
        assert_eq!(Cell::parse::<f32>("1700000001000", &POINTS), Cell::Number(1_700_000_001_000.));
    }

    #[test]
    fn other_fields_are_told_apart() {
        for (field, cell) in [
            ("", Cell::Missing),
            ("NA", Cell::Missing),
            ("n/a", Cell::Missing),
            ("NaN", Cell::Missing),
            ("-nan", Cell::Missing),
            ("NULL", Cell::Missing),
            ("?", Cell::Missing),
            ("inf", Cell::Infinite),
            ("-Infinity", Cell::Infinite),
            ("1e39", Cell::TooLarge),
            ("-4e38", Cell::TooLarge),
            ("1,5", Cell::Text),
            ("0x10", Cell::Text),
            ("1_000", Cell::Text),
            ("12%", Cell::Text),
            ("none", Cell::Missing),
            ("-", Cell::Text),
            ("??", Cell::Text),
        ] {
            assert_eq!(Cell::parse::<f32>(field, &POINTS), cell, "{field}");
        }
        assert_eq!(Cell::parse::<f64>("1e39", &POINTS), Cell::Number(1e39));
    }

    #[test]
    fn commas_in_numbers_are_told_from_text() {
        for field in ["1,5", "-1,234.5", "1,000,000", ",5", "1,"] {
            assert!(has_commas(field), "{field}");
        }
        for field in ["", ",", "1.5", "a,b", "1,b", "inf,", "1, 5", "1,2,3", "0,1,,,0"] {
            assert!(!has_commas(field), "{field}");
        }
    }
}
