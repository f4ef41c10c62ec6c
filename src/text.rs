//! How names, values and numbers stand in messages.

use std::borrow::Cow;

/// How many names a list shows.
const LISTED: usize = 10;

/// A value in quotes, in one line and not too long.
pub(crate) fn quote(value: &str) -> String {
    format!("'{}'", shorten(value).escape_debug())
}

/// A value or a name, cut off where it is too long for a message.
pub fn shorten(text: &str) -> String {
    const LONGEST: usize = 40;
    let start: String = text.chars().take(LONGEST).collect();
    if start.len() < text.len() { format!("{start}...") } else { start }
}

/// The first names, none of them too long, and how many more there are.
pub(crate) fn list(names: &[String]) -> String {
    let shown = names.iter().take(LISTED).map(|name| shorten(name)).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// `text` with its line breaks and other control characters, which names of columns and files may have, as
/// escapes.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() { line.extend(char.escape_debug()) } else { line.push(char) }
    }
    line
}

/// `x` with four significant digits, in scientific notation where that is shorter to read.
pub fn number(x: f64) -> String {
    significant(x, 4)
}

/// As [`number`], with so many significant digits.
pub(crate) fn significant(x: f64, digits: i32) -> String {
    let decimals = |decimals: i32| decimals.max(0).unsigned_abs() as usize;
    match x.abs() {
        0. => "0".to_owned(),
        1e-4..1e5 => format!("{x:.*}", decimals(digits - 1 - x.abs().log10().floor() as i32)),
        _ => format!("{x:.*e}", decimals(digits - 1)),
    }
}

/// `word` quoted for a shell, in one line.
///
/// # Examples
///
/// ```
/// use taper::text::shell_quote;
///
/// assert_eq!(shell_quote("runs/a"), "runs/a");
/// assert_eq!(shell_quote("Anna's runs"), r"'Anna'\''s runs'");
/// assert_eq!(shell_quote("two\nlines"), r"$'two\nlines'");
/// ```
pub fn shell_quote(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./,:=+@%".contains(c);
    // zsh looks for a command after a leading `=`.
    if !word.is_empty() && !word.starts_with('=') && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    if word.contains(char::is_control) {
        let escaped = |c: char| match c {
            '\'' | '\\' => format!("\\{c}"),
            '\n' => r"\n".to_owned(),
            c if c.is_ascii_control() => format!(r"\{:03o}", u32::from(c)),
            c => c.to_string(),
        };
        return Cow::Owned(format!("$'{}'", word.chars().map(escaped).collect::<String>()));
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

/// The name of a column as it stands in a list of columns: quoted as in CSV if there is a comma or a quote in
/// it.
pub(crate) fn column_in_list(name: &str) -> String {
    let is_plain = !name.contains([',', '"', '\n', '\r']);
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// The name of a column as it is typed in a list of columns.
pub(crate) fn column_argument(name: &str) -> String {
    shell_quote(&column_in_list(name)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_one_short_line() {
        assert_eq!(quote("a\nb"), r"'a\nb'");
        assert_eq!(quote(&"ä".repeat(41)), format!("'{}...'", "ä".repeat(40)));
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(one_line("a\nb\x1b[31m\0 \"ä\"\t"), r#"a\nb\u{1b}[31m\0 "ä"\t"#);
    }

    #[test]
    fn numbers_have_four_digits() {
        for (x, text) in [
            (0., "0"),
            (0.018_712_3, "0.01871"),
            (1., "1.000"),
            (99_999.4, "99999"),
            (123_456.7, "1.235e5"),
            (0.000_012_3, "1.230e-5"),
            (-0.5, "-0.5000"),
        ] {
            assert_eq!(number(x), text);
        }
    }
}
