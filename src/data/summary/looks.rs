//! What texts look like that are not numbers as they are read.

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// What a text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looks {
    /// A number with marks, such as `$60`, `12 %`, `1_000`, `0x1F`, `>5` or `1'000`.
    Number,
    /// A date or a time, such as `2024-01-31`, `31.01.2024`, `1/31/24 12:30 PM`, `31 Jan 2024` or `12:30`.
    Date,
}

impl Looks {
    /// What `text` looks like, if it is one of these.
    pub(super) fn of(text: &str) -> Option<Self> {
        if is_date(text) { Some(Self::Date) } else { is_number(text).then_some(Self::Number) }
    }
}

/// Whether `text` is a number once the marks around and within it are gone.
fn is_number(text: &str) -> bool {
    let around = |c: char| "$€£¥₹%‰<>≤≥~≈+±".contains(c) || c.is_whitespace();
    let (text, is_negative_in_brackets) = match text.strip_prefix('(').and_then(|text| text.strip_suffix(')'))
    {
        Some(text) => (text, true),
        None => (text, false),
    };
    // `-$5` and `$-5`.
    let digits = text.trim_matches(around).trim_start_matches('-').trim_matches(around);
    if let Some(hexadecimal) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return !hexadecimal.is_empty() && hexadecimal.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    let plain: String =
        digits.chars().filter(|c| !"_',\u{2019}".contains(*c) && !c.is_whitespace()).collect();
    let begins_with_digit = plain.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let has_marks = plain.len() < text.len() || is_negative_in_brackets;
    has_marks && begins_with_digit && plain.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Whether `text` is a date, a time, or both.
fn is_date(text: &str) -> bool {
    let text = text.trim().trim_end_matches('Z');
    if names_month(text) {
        return true;
    }
    match text.split_once(['T', ' ']) {
        Some((date, time)) => is_day(date) && is_time(time),
        None => is_day(text) || is_time(text),
    }
}

/// Whether `text` is the English name of a month among numbers, as `31 Jan 2024`, `31-JAN-24` or `January 31,
/// 2024 12:30`.
fn names_month(text: &str) -> bool {
    let parts = || text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let is_number =
        |part: &str| matches!(part.len(), 1 | 2 | 4) && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_month = |part: &str| {
        let is_it = |month: &&str| part.eq_ignore_ascii_case(month) || part.eq_ignore_ascii_case(&month[..3]);
        MONTHS.iter().any(is_it)
    };
    let numbers = parts().filter(|part| is_number(part)).count();
    let months = parts().filter(|part| is_month(part)).count();
    months == 1 && (1..=5).contains(&numbers) && months + numbers == parts().count()
}

/// Whether `text` is a day or a month: two or three numbers of which one may be a year, as `31/1/24`,
/// `2024-01`.
fn is_day(text: &str) -> bool {
    let Some(separator) = text.chars().find(|c| !c.is_ascii_digit()) else { return false };
    let parts: Vec<_> = text.split(separator).collect();
    let is_part = |part: &&str| matches!(part.len(), 1 | 2 | 4) && part.bytes().all(|b| b.is_ascii_digit());
    let years = parts.iter().filter(|part| part.len() == 4).count();
    let fits = |part: &&str| part.len() == 4 || part.parse().is_ok_and(|number: u32| number <= 31);
    let years_fit = match (separator, parts.len()) {
        ('-' | '/', 3) => years <= 1,
        // Fewer parts, and points, are of many other things.
        ('.', 3) => years == 1 || parts.iter().all(|part| part.len() == 2),
        ('-' | '/', 2) => years == 1,
        _ => false,
    };
    // A year without a century may be above 31.
    let is_last_year = |parts: &[&str]| years == 1 || parts.iter().filter(|part| !fits(part)).count() <= 1;
    years_fit && parts.iter().all(is_part) && is_last_year(&parts)
}

/// Whether `text` is a time of the day, as `12:30`, `12:30:59.5`, `12:30+01:00` or `12:30 PM`.
fn is_time(text: &str) -> bool {
    let text = text.split(['+', '-']).next().unwrap_or_default();
    let half = text.len().checked_sub(2).and_then(|at| text.split_at_checked(at));
    let text = match half {
        Some((time, half)) if ["am", "pm"].iter().any(|of| half.eq_ignore_ascii_case(of)) => time.trim_end(),
        _ => text,
    };
    let parts: Vec<_> = text.split(':').collect();
    let is_part = |part: &&str| part.parse().is_ok_and(|number: f64| (0. ..=60.).contains(&number));
    matches!(parts.len(), 2 | 3) && parts.iter().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_dates_are_told_from_other_texts() {
        for text in [
            "$60", "€ 1.5", "12%", "12 %", "1_000", "0x1F", ">5", "5+", "1'000", "1 000", "-$5", "(5)",
            "1,5%",
        ] {
            assert_eq!(Looks::of(text), Some(Looks::Number), "{text}");
        }
        for text in [
            "2024-01-31",
            "2024/1/31",
            "31.01.2024",
            "1/31/24",
            "31-12-99",
            "2024-01",
            "2024-01-31 12:30:59",
            "2024-01-31T12:30:59.123Z",
            "2024-01-31T12:30+01:00",
            "12:30",
            "1/31/2024 5:30:00 PM",
            "5:30am",
            "31.12.99",
            "31 Jan 2024",
            "31-JAN-24",
            "January 31, 2024 12:30",
            "May 2024",
        ] {
            assert_eq!(Looks::of(text), Some(Looks::Date), "{text}");
        }
        for text in [
            "",
            "Ulm",
            "A12",
            "12B",
            "u00001",
            "1.2.3",
            "10.0.0.1",
            "555-123-4567",
            "3-5",
            "1/2",
            "%",
            "$",
            "5",
            "0x",
            "a,b",
            "low",
            "10-20-30-40",
            "99/99/99",
            "+",
            "()",
            "inf%",
            "nan%",
            "12:75",
            "PM",
            "ä5",
            "99.99.99",
            "May",
            "31 Jan May",
            "Mary 5",
            "Jan 123",
        ] {
            assert_eq!(Looks::of(text), None, "{text}");
        }
    }
}
