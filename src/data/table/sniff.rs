//! How a file of text is written, told from its beginning.

use std::io::Read;

use csv::{ReaderBuilder, StringRecord};

use super::spaces::Spaces;

/// What may stand between fields; the first of equal merit wins.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// How many rows decide.
pub(super) const ROWS: usize = 100;

/// The delimiter that gives the rows at the `start` of a file the same number of fields, and most of them; if
/// there is none, spaces where they do that, or else the one that the first row has most of.
///
/// `is_whole` says whether the file ends there.
pub(super) fn delimiter(start: &[u8], is_whole: bool, comment: Option<u8>) -> u8 {
    let counts = DELIMITERS.map(|delimiter| (delimiter, field_counts(start, is_whole, delimiter, comment)));
    let fields = |counts: &[usize]| counts.first().copied().unwrap_or_default();
    // Of the last row a delimiter may end the row.
    let is_even =
        |counts: &[usize]| fields(counts) > 1 && counts.iter().all(|count| *count == fields(counts));
    let most = |candidates: &mut dyn Iterator<Item = &(u8, Vec<usize>)>| {
        candidates
            .reduce(|best, next| if fields(&next.1) > fields(&best.1) { next } else { best })
            .map(|best| best.0)
    };
    let even = most(&mut counts.iter().filter(|(_, counts)| is_even(counts)));
    let is_spaced = || {
        counts.iter().all(|(_, counts)| fields(counts) <= 1)
            && is_even(&spaced_counts(start, is_whole, comment))
    };
    even.or_else(|| is_spaced().then_some(b' ')).or_else(|| most(&mut counts.iter())).unwrap_or(b',')
}

/// The number of fields in each of the first rows, if they were separated by spaces.
fn spaced_counts(start: &[u8], is_whole: bool, comment: Option<u8>) -> Vec<usize> {
    let mut spaced = Vec::new();
    // Reading from memory does not fail.
    let _ = Spaces::new(start, comment).read_to_end(&mut spaced);
    field_counts(&spaced, is_whole, b' ', comment)
}

/// The number of fields in each of the first rows, if they were separated by `delimiter`.
fn field_counts(start: &[u8], is_whole: bool, delimiter: u8, comment: Option<u8>) -> Vec<usize> {
    let mut reader = ReaderBuilder::new();
    let mut reader =
        reader.delimiter(delimiter).comment(comment).has_headers(false).flexible(true).from_reader(start);
    let counts = reader.byte_records().map_while(Result::ok).take(ROWS + 1);
    // An empty last field is that of a delimiter that ends each row.
    let mut counts: Vec<_> = counts
        .map(|record| record.len() - usize::from(record.iter().next_back().is_some_and(<[u8]>::is_empty)))
        .collect();
    // The last one may be cut off. Where the first row is longer than what is looked at, it is better than
    // none.
    if counts.len() > ROWS || (!is_whole && counts.len() > 1) {
        counts.pop();
    }
    counts
}

/// The delimiter that a line such as `sep=;` before the header tells, as spreadsheets write it.
pub(super) fn told_delimiter(line: &[u8]) -> Option<u8> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii_end();
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [s, e, p, b'=', delimiter] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => Some(*delimiter),
        [s, e, p, b'='] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => Some(b'\t'),
        _ => None,
    }
}

/// Whether the numbers in `columns` of `rows`, whose fields are not separated by commas, have decimal commas:
/// whether some have a comma and none has a point that is not between groups of three digits.
pub(super) fn has_decimal_commas(rows: &[StringRecord], columns: &[usize]) -> bool {
    let fields =
        || rows.iter().flat_map(|row| columns.iter().filter_map(|&column| row.get(column))).map(str::trim);
    let has_commas = fields().any(|field| field.contains(',') && decimal_comma(field).is_some());
    let has_points =
        || fields().any(|field| field.contains('.') && is_number(field) && decimal_comma(field).is_none());
    has_commas && !has_points()
}

/// The first field of a column that is a number with points between groups of three digits, as `1.234`, where
/// none of its fields has a comma: it may as well have decimal points.
pub(super) fn doubtful_points<'a>(fields: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let has_commas = fields.clone().any(|field| field.contains(','));
    let mut doubtful = fields.filter(|field| field.contains('.') && decimal_comma(field).is_some());
    doubtful.next().filter(|_| !has_commas)
}

fn is_number(field: &str) -> bool {
    field.parse::<f64>().is_ok_and(f64::is_finite)
}

/// A number with a decimal comma and points between groups of three digits, as `1.234,5`, with a decimal
/// point instead; a whole number stays as it is.
pub(super) fn decimal_comma(field: &str) -> Option<String> {
    let (whole, decimals) = field.split_once(',').map_or((field, None), |(whole, rest)| (whole, Some(rest)));
    let digits = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    let groups: Vec<_> = digits.split('.').collect();
    let are_groups = match groups.as_slice() {
        [digits] => is_digits(digits) || digits.is_empty() && decimals.is_some(),
        [first, others @ ..] => {
            is_digits(first)
                && first.len() <= 3
                && others.iter().all(|group| group.len() == 3 && is_digits(group))
        }
        [] => false,
    };
    let number = format!("{}.{}", whole.replace('.', ""), decimals.unwrap_or("0"));
    (are_groups && is_number(&number)).then_some(number)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_tell_the_delimiter() {
        for (text, expected) in [
            ("a,b,c\n1,2,3\n", b','),
            ("a;b;c\n1,5;2,5;3,5\n", b';'),
            ("a\tb\n1\t2\n", b'\t'),
            ("a|b|y\n1|2|3\n", b'|'),
            ("\"a;b;c\",d\n1,2\n", b','),
            ("a\n1\n", b','),
            ("a   b\n 1  2.5 \n10\t3\n", b' '),
            ("a b\n1 2 3\n4 5\n6", b','),
            ("\n\r\na;b\n1;2\n", b';'),
            ("a;b\r1,2,3,4;5\r", b';'),
            ("", b','),
            ("a,b;c\n", b','),
            // The header has more commas than semicolons, and the rows have none.
            ("size, in m; price, in EUR, net\n1;2\n3;4\n", b';'),
            ("a;b;\n1,5;2;\n", b';'),
            // The last row may be cut off, and the first.
            ("a;b;c\n1;2;3\n4;5", b';'),
            ("a;b;c", b';'),
        ] {
            assert_eq!(delimiter(text.as_bytes(), false, None), expected, "{text}");
        }
        assert_eq!(delimiter(b"# a, b, c, d\n1;2\n", true, Some(b'#')), b';');
    }

    #[test]
    fn spreadsheets_tell_the_delimiter() {
        for (line, expected) in [
            ("sep=;", Some(b';')),
            ("SEP=|\r\n", Some(b'|')),
            ("\"sep=,\"", Some(b',')),
            ("\u{feff}sep=\t\n", Some(b'\t')),
            ("sep", None),
            ("sep=ab", None),
            ("a,b", None),
        ] {
            assert_eq!(told_delimiter(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn decimal_commas_are_told_from_points() {
        for (field, expected) in [
            ("1,5", Some(1.5)),
            ("-0,25", Some(-0.25)),
            (",5", Some(0.5)),
            ("1.234,5", Some(1234.5)),
            ("1.234.567", Some(1_234_567.)),
            ("12", Some(12.)),
            ("1,5e3", Some(1500.)),
            ("1.5", None),
            ("1.234", Some(1234.)),
            ("1,2,3", None),
            ("12.34,5", None),
            ("a,b", None),
            ("", None),
            (",", None),
        ] {
            assert_eq!(decimal_comma(field).map(|number| number.parse().unwrap()), expected, "{field}");
        }
        let rows =
            |rows: &[&[&str]]| rows.iter().map(|row| StringRecord::from(row.to_vec())).collect::<Vec<_>>();
        assert!(has_decimal_commas(&rows(&[&["a", "1,5"], &["b", "2"]]), &[0, 1]));
        assert!(!has_decimal_commas(&rows(&[&["1.5", "1,5"]]), &[0, 1]));
        // Another column does not tell.
        assert!(!has_decimal_commas(&rows(&[&["1.234", "1,5"]]), &[0]));
        assert_eq!(doubtful_points(["1", "1.234"].into_iter()), Some("1.234"));
        assert_eq!(doubtful_points(["1,5", "1.234"].into_iter()), None);
        assert_eq!(doubtful_points(["1.5", "2"].into_iter()), None);
        assert!(!has_decimal_commas(&rows(&[&["1", "x,y"]]), &[0, 1]));
    }
}
