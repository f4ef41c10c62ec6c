//! The texts that stand for a missing value.

use std::collections::HashSet;

/// Texts that stand for a missing value in every column: those of pandas' `read_csv`, and `?`, as in many
/// files of the UCI repository.
const EVERYWHERE: [&str; 16] = [
    "", "?", "na", "n/a", "nan", "-nan", "+nan", "null", "none", "<na>", "#n/a", "#n/a n/a", "#na", "1.#ind",
    "1.#qnan", "-1.#ind",
];
/// Texts that stand for a missing value only where numbers are expected: among texts each may be a name.
const AMONG_NUMBERS: [&str; 9] = ["-", "--", ".", "n.a.", "nil", "missing", "-1.#qnan", "#div/0!", "#value!"];

/// The texts that stand for a missing value, in upper or lower case.
#[derive(Debug, Clone)]
pub(super) enum Markers {
    /// The usual ones.
    Usual,
    /// These instead, and nothing at all.
    Listed(HashSet<String>),
}

impl Markers {
    /// The texts of `list`, in place of the usual ones if there are any.
    pub(super) fn new(list: &[String]) -> Self {
        if list.is_empty() {
            return Self::Usual;
        }
        Self::Listed(list.iter().map(|marker| marker.trim().to_lowercase()).collect())
    }

    /// Whether a trimmed field of text stands for a missing value in any column.
    pub(super) fn contain(&self, field: &str) -> bool {
        match self {
            Self::Usual => !is_surely_number(field) && is_one_of(field, &EVERYWHERE),
            Self::Listed(markers) => field.is_empty() || markers.contains(&field.to_lowercase()),
        }
    }

    /// Whether a trimmed field of text stands for a missing value where a number is expected.
    pub(super) fn contain_number(&self, field: &str) -> bool {
        let is_among_numbers =
            matches!(self, Self::Usual) && !is_surely_number(field) && is_one_of(field, &AMONG_NUMBERS);
        is_among_numbers || self.contain(field)
    }
}

/// How the fields of a text file are written.
#[derive(Debug, Clone)]
pub(super) struct Notation {
    /// What stands for a missing value.
    pub(super) markers: Markers,
    /// Whether numbers have decimal commas.
    pub(super) has_decimal_commas: bool,
}

/// The most letters of a text of which [`missing_texts`] has all ways to write it in upper and lower case.
const MOST_LETTERS: u32 = 6;

/// The texts that stand for a missing value among texts, where `na` replaces the usual ones: in every mix of
/// upper and lower case, or of longer ones as they are, in lower case, in upper case and with a capital.
pub(crate) fn missing_texts(na: &[String]) -> Vec<String> {
    let mut texts: Vec<String> = match na {
        [] => EVERYWHERE.iter().flat_map(|text| cases(text)).collect(),
        na => na.iter().flat_map(|text| cases(text.trim())).chain([String::new()]).collect(),
    };
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// `text` in upper and lower case.
fn cases(text: &str) -> Vec<String> {
    let letters: Vec<_> =
        text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_alphabetic()).map(|(i, _)| i).collect();
    let with_capitals = |is_capital: &dyn Fn(usize) -> bool| {
        let upper = |(at, char): (usize, char)| match letters.iter().position(|&letter| letter == at) {
            Some(letter) if is_capital(letter) => char.to_ascii_uppercase(),
            _ => char.to_ascii_lowercase(),
        };
        text.char_indices().map(upper).collect::<String>()
    };
    if letters.len() as u32 > MOST_LETTERS {
        let few = [text.to_owned(), text.to_lowercase(), text.to_uppercase(), with_capitals(&|at| at == 0)];
        return few.to_vec();
    }
    (0..1u32 << letters.len()).map(|capitals| with_capitals(&|at| capitals >> at & 1 == 1)).collect()
}

/// Nearly all numbers, told by how they begin.
fn is_surely_number(field: &str) -> bool {
    let digits = field.strip_prefix(['-', '+']).unwrap_or(field);
    let digits = digits.strip_prefix('.').unwrap_or(digits);
    digits.starts_with(|c: char| c.is_ascii_digit()) && !digits.starts_with("1.#")
}

fn is_one_of(field: &str, markers: &[&str]) -> bool {
    markers.iter().any(|marker| field.eq_ignore_ascii_case(marker))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The default `na_values` of pandas 2.3, each of which is a missing value in every column.
    const PANDAS: [&str; 19] = [
        "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
        "NULL", "NaN", "None", "n/a", "nan", "null", "?",
    ];

    #[test]
    fn missing_values_are_told_from_numbers_and_names() {
        let usual = Markers::new(&[]);
        for marker in PANDAS {
            assert!(usual.contain(marker) && usual.contain_number(marker), "{marker}");
        }
        for marker in ["-", "--", ".", "n.a.", "N.A.", "nil", "missing", "-1.#QNAN", "#DIV/0!"] {
            assert!(!usual.contain(marker) && usual.contain_number(marker), "{marker}");
        }
        for text in
            ["0", "-1", "1.", ".5", "-.5", "1.5", "1e3", "Ulm", "??", "---", "inf", "nano", "naïve", "-a"]
        {
            assert!(!usual.contain_number(text), "{text}");
        }
    }

    #[test]
    fn texts_for_missing_values_are_listed_in_all_cases() {
        for na in [vec![], vec!["-999".to_owned(), " None ".to_owned(), "not available".to_owned()]] {
            let (texts, markers) = (missing_texts(&na), Markers::new(&na));
            assert!(texts.iter().all(|text| markers.contain(text)), "{texts:?}");
            assert!(texts.contains(&String::new()));
        }
        let usual = missing_texts(&[]);
        assert!(PANDAS.iter().all(|marker| usual.iter().any(|text| text == marker)), "{usual:?}");
        let listed = missing_texts(&["Ab".to_owned(), "Not Known Yet".to_owned()]);
        assert_eq!(
            listed,
            ["", "AB", "Ab", "NOT KNOWN YET", "Not Known Yet", "Not known yet", "aB", "ab", "not known yet"]
        );
    }

    #[test]
    fn a_list_replaces_the_usual_ones() {
        let listed = Markers::new(&["-999".to_owned(), " None ".to_owned()]);
        for marker in ["", "-999", "none"] {
            assert!(listed.contain(marker) && listed.contain_number(marker), "{marker}");
        }
        for text in ["NA", "-", "-999.0", "9"] {
            assert!(!listed.contain_number(text), "{text}");
        }
    }
}
