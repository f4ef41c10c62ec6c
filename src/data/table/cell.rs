//! Single fields.

use std::str::FromStr;

use candle_core::WithDType;

/// The types into which data are read.
pub(super) trait Real: WithDType + FromStr {}

impl Real for f32 {}
impl Real for f64 {}

/// The content of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<T> {
    /// No value, see [`is_missing`].
    Missing,
    /// A finite number.
    Number(T),
    /// An infinity by name.
    Infinite,
    /// A finite number beyond the range of the type.
    TooLarge,
    /// Anything else.
    Text,
}

impl<T: Real> Cell<T> {
    /// Parses a trimmed field of text. A number is rounded once, to the nearest of the type.
    pub(super) fn parse(field: &str) -> Self {
        if is_missing(field) {
            return Self::Missing;
        }
        match field.parse::<T>() {
            Ok(number) if number.to_f64().is_finite() => Self::Number(number),
            Ok(_) if field.bytes().any(|byte| byte.is_ascii_digit()) => Self::TooLarge,
            Ok(_) => Self::Infinite,
            Err(_) => Self::Text,
        }
    }
}

/// Whether a field of text stands for a missing value: it is empty, NA, N/A, NaN, null or ?, in upper or
/// lower case.
pub(super) fn is_missing(field: &str) -> bool {
    match field.as_bytes() {
        // Nearly all numbers, told by their first byte.
        [b'0'..=b'9' | b'.', ..] | [b'-' | b'+', b'0'..=b'9' | b'.', ..] => false,
        [b'-' | b'+', name @ ..] => name.eq_ignore_ascii_case(b"nan"),
        name => ["", "na", "n/a", "nan", "null", "?"]
            .iter()
            .any(|word| name.eq_ignore_ascii_case(word.as_bytes())),
    }
}

/// Quotes a field in a message: on one line and not too long.
pub(crate) fn quote(field: &str) -> String {
    format!("'{}'", shorten(field).escape_debug())
}

/// A field or a name, truncated if it is too long for a message.
pub(crate) fn shorten(text: &str) -> String {
    const LONGEST: usize = 40;
    let start: String = text.chars().take(LONGEST).collect();
    if start.len() < text.len() { format!("{start}...") } else { start }
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
            assert_eq!(Cell::<f64>::parse(field), Cell::Number(number), "{field}");
        }
        // Rounded to f64 first, it would be 1.
        assert_eq!(Cell::<f32>::parse("1.00000005960464477540"), Cell::Number(1.000_000_1));
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
            ("none", Cell::Text),
            ("-", Cell::Text),
            ("??", Cell::Text),
        ] {
            assert_eq!(Cell::<f32>::parse(field), cell, "{field}");
        }
        assert_eq!(Cell::<f64>::parse("1e39"), Cell::Number(1e39));
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

    #[test]
    fn quotes_are_one_short_line() {
        assert_eq!(quote("a\nb"), r"'a\nb'");
        assert_eq!(quote(&"ä".repeat(41)), format!("'{}...'", "ä".repeat(40)));
    }
}
