//! The order of day, month and year in dates.

use serde::{Deserialize, Serialize};

use super::dates;
use super::markers::Markers;

/// In which order dates are written, with a time of the day or without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DateOrder {
    /// From the year down, as 2024-01-31.
    #[default]
    YearFirst,
    /// The day before the month, as 31.01.2024 or 31/1/2024 17:30.
    DayFirst,
    /// The month before the day, as 01/31/2024 or 1/31/2024 17:30.
    MonthFirst,
}

impl DateOrder {
    /// Those that a date such as 01/02/2024 may have.
    pub(super) const YEAR_LAST: [Self; 2] = [Self::DayFirst, Self::MonthFirst];

    /// What is first where it is not the year, for messages.
    pub fn first(self) -> Option<&'static str> {
        match self {
            Self::YearFirst => None,
            Self::DayFirst => Some("the day"),
            Self::MonthFirst => Some("the month"),
        }
    }

    /// Dates in this order, for messages.
    pub(crate) fn example(self) -> &'static str {
        match self {
            Self::YearFirst => "2024-01-31 or 2024-01-31 17:30:00",
            Self::DayFirst => "31.01.2024 or 31/01/2024 17:30:00",
            Self::MonthFirst => "01/31/2024 or 01/31/2024 17:30:00",
        }
    }

    /// The seconds from 1970-01-01 in UTC to the date `text`; `None` if it is none in this order.
    pub(super) fn seconds(self, text: &str) -> Option<f64> {
        if self == Self::YearFirst {
            return dates::seconds(text);
        }
        let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
        let separator = date.chars().find(|c| ['.', '/', '-'].contains(c))?;
        let parts: Vec<_> = date.split(separator).collect();
        let [first, second, year] = parts[..] else { return None };
        let (day, month) = if self == Self::DayFirst { (first, second) } else { (second, first) };
        // Days, months and hours may have a single digit here, as spreadsheets write them.
        let zero = if time.find(':') == Some(1) { "0" } else { "" };
        dates::seconds(&format!("{year}-{month:0>2}-{day:0>2}T{zero}{time}"))
    }
}

/// Whether `texts` are dates of which none says whether its day or its month is first. Beside dates there may
/// be what stands for a missing one.
pub(crate) fn are_doubtful_dates(texts: &[String]) -> bool {
    let usual = Markers::new(&[]);
    let is_doubtful = |text: &String| DateOrder::YEAR_LAST.iter().all(|order| order.seconds(text).is_some());
    texts.iter().any(is_doubtful) && texts.iter().all(|text| is_doubtful(text) || usual.contain_number(text))
}

/// The first of `texts` that is not a date in the order in which most of them are, and that order; none if
/// they all are or most are in none.
pub(crate) fn odd_date(texts: &[String]) -> Option<(&str, DateOrder)> {
    let dates_in = |order: &DateOrder| texts.iter().filter(|text| order.seconds(text).is_some()).count();
    let order = [DateOrder::YearFirst, DateOrder::DayFirst, DateOrder::MonthFirst]
        .into_iter()
        .filter(|order| 2 * dates_in(order) > texts.len())
        .max_by_key(dates_in)?;
    let odd = texts.iter().find(|text| order.seconds(text).is_none())?;
    Some((odd, order))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_date_is_read_in_each_order() {
        let expected = dates::seconds("2024-01-31 09:30:05");
        assert!(expected.is_some());
        for (order, texts) in [
            (DateOrder::YearFirst, ["2024-01-31 09:30:05", "2024/01/31T09:30:05"]),
            (DateOrder::DayFirst, ["31.01.2024 09:30:05", "31/1/2024 9:30:05"]),
            (DateOrder::MonthFirst, ["01/31/2024 09:30:05", "1-31-2024T9:30:05Z"]),
        ] {
            for text in texts {
                assert_eq!(order.seconds(text), expected, "{text}");
                for other in [DateOrder::YearFirst, DateOrder::DayFirst, DateOrder::MonthFirst] {
                    assert!(other == order || other.seconds(text).is_none(), "{text} {other:?}");
                }
            }
        }
        assert_eq!(DateOrder::DayFirst.seconds("1.2.2024"), dates::seconds("2024-02-01"));
        assert_eq!(DateOrder::MonthFirst.seconds("1.2.2024"), dates::seconds("2024-01-02"));
    }

    #[test]
    fn what_is_no_date_among_dates_is_told() {
        let odd = |texts: &[&str]| {
            let texts: Vec<_> = texts.iter().map(|&text| text.to_owned()).collect();
            odd_date(&texts).map(|(text, order)| (text.to_owned(), order))
        };
        let expected = Some(("31.02.2024".to_owned(), DateOrder::DayFirst));
        assert_eq!(odd(&["01.02.2024", "31.01.2024", "31.02.2024"]), expected);
        let expected = Some(("31/01/2024".to_owned(), DateOrder::YearFirst));
        assert_eq!(odd(&["2024-01-31", "31/01/2024", "2024-02-01"]), expected);
        for texts in [&["2024-01-31", "2024-02-01"][..], &["31/01/2024", "2024-01-31"], &["1", "2"], &[]] {
            assert_eq!(odd(texts), None, "{texts:?}");
        }
    }

    #[test]
    fn other_texts_are_no_dates() {
        for text in [
            "30.02.2024",
            "29/02/2023",
            "1.2.24",
            "001.02.2024",
            "1.2/2024",
            "1.2.2024.5",
            "1,2,2024",
            ".2.2024",
            "1.2.2024 25:00",
            "1.2.2024 5 PM",
            "1.2.-2024",
            "",
            "T",
            "0.1.2024",
            "ä.1.2024",
            "1.2",
        ] {
            assert!(DateOrder::YEAR_LAST.iter().all(|order| order.seconds(text).is_none()), "{text}");
        }
    }
}
