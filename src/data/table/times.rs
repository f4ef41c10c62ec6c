//! The column that orders the rows.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

use super::cell::Cell;
use crate::memory;
use crate::text::quote;

/// The values of the column, all numbers or all dates.
#[derive(Debug, Default)]
pub(super) enum Times {
    /// No value yet.
    #[default]
    Empty,
    /// Whole numbers, such as nanoseconds, of which `f64` would make one.
    Integers(Vec<i64>),
    Numbers(Vec<f64>),
    /// In one notation that sorts as a text, that of the first, one after the other.
    Dates {
        text: String,
        len: usize,
    },
}

/// The whole numbers from which on `f64` does not tell neighbours apart.
const INEXACT: u64 = 1 << 53;

impl Times {
    /// Appends a field, or says why it is in no order with those before.
    pub(super) fn push(&mut self, cell: Cell, field: &str) -> Result<(), String> {
        let integer = field.parse::<i64>().ok().filter(|_| matches!(cell, Cell::Number(_)));
        if let (Self::Empty, Cell::Number(_)) = (&self, cell) {
            *self = if integer.is_some() { Self::Integers(Vec::new()) } else { Self::Numbers(Vec::new()) };
        }
        if let (Self::Integers(integers), Cell::Number(_), None) = (&self, cell, integer) {
            if integers.iter().any(|integer| integer.unsigned_abs() >= INEXACT) {
                return Err("is not a whole number, as those before it are, which are too large for others"
                    .to_owned());
            }
            *self = Self::Numbers(integers.iter().map(|&integer| integer as f64).collect());
        }
        match (self, cell, integer) {
            (Self::Integers(integers), _, Some(integer)) => {
                memory::grow(integers, 1)?;
                integers.push(integer);
            }
            (Self::Numbers(numbers), Cell::Number(number), _) => {
                memory::grow(numbers, 1)?;
                numbers.push(number);
            }
            (Self::Integers(_) | Self::Numbers(_), ..) => {
                return Err("is not a number, as those before it are".to_owned());
            }
            (times @ Self::Empty, ..) if is_date(field) => {
                *times = Self::Dates { text: field.to_owned(), len: field.len() };
            }
            (Self::Empty, ..) => {
                return Err(
                    "is neither a number nor a date such as 2024-01-31 or 2024-01-31 17:30:00, which rows \
                            can be ordered by"
                        .to_owned(),
                );
            }
            (Self::Dates { text, len }, ..) if is_date(field) && is_like(field, &text[..*len]) => {
                text.push_str(field);
            }
            (Self::Dates { text, len }, ..) => {
                let first = quote(&text[..*len]);
                return Err(format!("is not written as the first date, {first}, expected one notation"));
            }
        }
        Ok(())
    }

    /// The rank of each value: equal ones have one, and earlier ones a lower one.
    pub(super) fn ranks(self) -> Vec<u32> {
        match self {
            Self::Empty => Vec::new(),
            Self::Integers(integers) => ranks(&integers, Ord::cmp),
            // Not by the total order, for which -0 is before 0.
            Self::Numbers(numbers) => ranks(&numbers, |a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal)),
            Self::Dates { text, len } => {
                let dates: Vec<_> = text.as_bytes().chunks_exact(len).collect();
                ranks(&dates, Ord::cmp)
            }
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

/// Whether `text` is a date from the year down, with a time of the day or without, as 2024-01-31,
/// 2024/01/31 12:30 or 2024-01-31T12:30:00.5+01:00.
pub(super) fn is_date(text: &str) -> bool {
    let (day, time) = text.split_once(['T', ' ']).map_or((text, None), |(day, time)| (day, Some(time)));
    let separator = if let [_, _, _, _, separator @ (b'-' | b'/' | b'.'), ..] = day.as_bytes() {
        char::from(*separator)
    } else {
        return false;
    };
    let parts: Vec<_> = day.split(separator).collect();
    let is_day = match parts.as_slice() {
        [year, month] => is_number(year, 4, 0..=9999) && is_number(month, 2, 1..=12),
        [year, month, day] => {
            is_number(year, 4, 0..=9999) && is_number(month, 2, 1..=12) && is_number(day, 2, 1..=31)
        }
        _ => false,
    };
    is_day && time.is_none_or(is_time)
}

/// Whether `text` is a time of the day by 24 hours, with an offset from UTC or without.
fn is_time(text: &str) -> bool {
    let (time, offset) = text.split_at(offset(text));
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let parts: Vec<_> = time.split(':').collect();
    let limits = [0..=23, 0..=59, 0..=60];
    let is_offset = match offset.trim_start_matches(['+', '-']).replacen(':', "", 1).as_str() {
        "" | "Z" => true,
        digits => is_number(digits, 4, 0..=2359) || is_number(digits, 2, 0..=23),
    };
    matches!(parts.len(), 2 | 3)
        && parts.iter().zip(limits).all(|(part, limits)| is_number(part, 2, limits))
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && is_offset
}

/// Where the offset from UTC begins in a time of the day.
fn offset(time: &str) -> usize {
    time.find(['+', '-', 'Z']).unwrap_or(time.len())
}

fn is_number(text: &str, digits: usize, limits: RangeInclusive<u32>) -> bool {
    text.len() == digits
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse().is_ok_and(|number| limits.contains(&number))
}

/// Whether the date `text` has digits where the date `first` has, and is the same elsewhere and in its offset
/// from UTC, so that the two are in the order of their letters.
fn is_like(text: &str, first: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let is_like = |(a, b): (u8, u8)| a == b || is_digit(&a) && is_digit(&b);
    let offset = |text: &str| {
        let time = text.split_once(['T', ' ']).map_or("", |(_, time)| time);
        time[offset(time)..].to_owned()
    };
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
        assert_eq!(ranks_of(&["2024-02", "2023-12"]).unwrap(), [1, 0]);
        let moments = ["2024-02-01T09:00:01.5+01:00", "2024-02-01T09:00:01.4+01:00"];
        assert_eq!(ranks_of(&moments).unwrap(), [1, 0]);
        assert_eq!(ranks_of(&["2024/02/01 00:00:00Z", "2024/02/01 23:59:60Z"]).unwrap(), [0, 1]);
        // In f64 these are one number.
        assert_eq!(ranks_of(&["1706659200123456701", "1706659200123456700"]).unwrap(), [1, 0]);
        assert_eq!(ranks_of(&["3", "2.5", "-4"]).unwrap(), [2, 1, 0]);
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
            vec!["2024-03-31T01:00-01:00", "2024-03-31T01:30-02:00"],
            vec!["2024-03-31 12:30 PM"],
            vec!["2024-31-01"],
            vec!["2024-00-10"],
            vec!["2024-01-31 24:00"],
            vec!["2024-01-31 1:00"],
            vec!["2024-01-31T"],
            vec!["2024-01-31", "2024-01-32"],
            vec!["1706659200123456700", "0.5"],
        ] {
            println!("{values:?}: {}", ranks_of(&values).unwrap_err());
        }
    }
}
