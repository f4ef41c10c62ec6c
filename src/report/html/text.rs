//! Text that is safe in a page, whoever wrote it.

use std::fmt::Write;

/// The text for HTML and XML, in elements and quoted attributes; characters that XML has not are replaced.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(in_xml(c)),
        }
    }
    escaped
}

/// A name that fits into a picture: its beginning, on one line, not yet escaped.
pub(super) fn short(name: &str) -> String {
    const LONGEST: usize = 24;
    let name: Vec<_> = name.chars().map(|c| if c.is_whitespace() { ' ' } else { in_xml(c) }).collect();
    if name.is_empty() {
        return "(no name)".to_owned();
    }
    if name.len() <= LONGEST {
        return name.into_iter().collect();
    }
    name[..LONGEST - 1].iter().chain(&['…']).collect()
}

/// The character, or the one for those that no document may have, or that would turn the direction of what follows.
fn in_xml(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' => c,
        '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        _ if c.is_control() => '\u{fffd}',
        _ => c,
    }
}

/// A whole number with its thousands set apart.
pub(super) fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.char_indices() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            // A narrow space at which no line is broken.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// How long something took.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.round();
    let mut text = String::new();
    let written = match whole {
        ..60. => write!(text, "{} s", super::super::number(seconds)),
        ..3600. => write!(text, "{} min {} s", (whole / 60.).floor(), whole % 60.),
        _ => write!(text, "{} h {} min", (whole / 3600.).floor(), (whole % 3600. / 60.).floor()),
    };
    // Writing to a string cannot fail.
    let _ = written;
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stays_markup() {
        assert_eq!(escape("<a b=\"c\" d='e'>&amp;"), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;");
        assert_eq!(escape("a\0b\u{1b}\u{202e}\u{ffff}\n"), "a\u{fffd}b\u{fffd}\u{fffd}\u{fffd}\n");
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(short("price\nin \u{7}"), "price in \u{fffd}");
        assert_eq!(short(""), "(no name)");
        assert_eq!(short(&"ä".repeat(24)), "ä".repeat(24));
        assert_eq!(short(&"ä".repeat(25)), format!("{}…", "ä".repeat(23)));
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(duration(0.25), "0.2500 s");
        assert_eq!(duration(75.4), "1 min 15 s");
        assert_eq!(duration(7260.), "2 h 1 min");
    }
}
