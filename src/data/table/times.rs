//! The column that orders the rows.

use std::cmp::Ordering;

use super::cell::Cell;
use crate::text::quote;

/// The values of the column, all numbers or all dates.
#[derive(Debug, Default)]
pub(super) enum Times {
    /// No value yet.
    #[default]
    Empty,
    Numbers(Vec<f64>),
    /// In one notation that sorts as a text, that of the first.
    Dates(Vec<String>),
}

impl Times {
    /// Appends a field, or says why it is in no order with those before.
    pub(super) fn push(&mut self, cell: Cell, text: &str) -> Result<(), String> {
        match (self, cell) {
            (times @ Self::Empty, Cell::Number(number)) => *times = Self::Numbers(vec![number]),
            (Self::Numbers(numbers), Cell::Number(number)) => numbers.push(number),
            (Self::Numbers(_), _) => return Err("is not a number, as those before it are".to_owned()),
            (times @ Self::Empty, _) if is_date(text) => *times = Self::Dates(vec![text.to_owned()]),
            (Self::Empty, _) => {
                return Err(
                    "is neither a number nor a date such as 2024-01-31, which rows can be ordered by"
                        .to_owned(),
                );
            }
            (Self::Dates(dates), _) if is_like(text, &dates[0]) => dates.push(text.to_owned()),
            (Self::Dates(dates), _) => {
                return Err(format!(
                    "is not written as the first date, {}, expected one notation",
                    quote(&dates[0])
                ));
            }
        }
        Ok(())
    }

    /// The rank of each value: equal ones have one, and earlier ones a lower one.
    pub(super) fn ranks(self) -> Vec<u32> {
        match self {
            Self::Empty => Vec::new(),
            // Not by the total order, for which -0 is before 0.
            Self::Numbers(numbers) => ranks(&numbers, |a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal)),
            Self::Dates(dates) => ranks(&dates, String::cmp),
        }
    }
}

fn ranks<T>(values: &[T], compare: impl Fn(&T, &T) -> Ordering) -> Vec<u32> {
    let mut order: Vec<_> = (0..values.len()).collect();
    order.sort_by(|&i, &j| compare(&values[i], &values[j]));
    let (mut ranks, mut rank) = (vec![0; values.len()], 0);
    for (before, &i) in order.iter().take(1).chain(&order).zip(&order) {
        rank += u32::from(compare(&values[*before], &values[i]).is_ne());
        ranks[i] = rank;
    }
    ranks
}

/// Whether `text` is a date from the year down to the day or further, as 2024-01-31 or 2024/01/31 12:30:00.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 7
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && matches!(bytes[4], b'-' | b'/' | b'.')
        && bytes[5..7].iter().all(u8::is_ascii_digit)
}

/// Whether `text` has digits where `first` has, and is the same elsewhere and in its offset from UTC, so that
/// the two are in the order of their letters.
fn is_like(text: &str, first: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let is_like = |(a, b): (u8, u8)| a == b || is_digit(&a) && is_digit(&b);
    let offset = |text: &'_ str| text.split_once('+').map(|(_, offset)| offset.to_owned());
    text.len() == first.len() && text.bytes().zip(first.bytes()).all(is_like) && offset(text) == offset(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks_of(values: &[&str]) -> Result<Vec<u32>, String> {
        let mut times = Times::default();
        for text in values {
            let cell = text.parse().map_or(Cell::Text, Cell::Number);
            times.push(cell, text)?;
        }
        Ok(times.ranks())
    }

    #[test]
    fn numbers_and_dates_have_ranks() {
        assert_eq!(ranks_of(&["10", "-2", "9", "10", "0", "-0"]).unwrap(), [3, 0, 2, 3, 1, 1]);
        assert_eq!(ranks_of(&["2024-02-01", "2023-12-31", "2024-02-01"]).unwrap(), [1, 0, 1]);
        assert_eq!(ranks_of(&["2024-02-01 09:00", "2024-02-01 08:59"]).unwrap(), [1, 0]);
        assert!(ranks_of(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_has_no_order_is_refused() {
        for values in [
            vec!["31.01.2024"],
            vec!["Monday"],
            vec!["1", "2024-01-31"],
            vec!["2024-01-31", "2024-1-5"],
            vec!["2024-01-31", "20240131"],
            vec!["2024-03-31T01:00+01:00", "2024-03-31T01:30+02:00"],
        ] {
            println!("{values:?}: {}", ranks_of(&values).unwrap_err());
        }
    }
}
