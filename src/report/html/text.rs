//! Untrusted text made safe for a page.

/// The text for HTML and XML, in elements and quoted attributes; characters that XML does not allow are
/// replaced.
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

/// A name that fits into a heading: its beginning, on one line, not yet escaped.
pub(super) fn short(name: &str) -> String {
    const LONGEST: usize = 60;
    let name: Vec<_> = name.chars().map(|c| if c.is_whitespace() { ' ' } else { in_xml(c) }).collect();
    if name.is_empty() {
        return "(no name)".to_owned();
    }
    if name.len() <= LONGEST {
        return name.into_iter().collect();
    }
    name[..LONGEST - 1].iter().chain(&['…']).collect()
}

/// The name of a target beside an axis, which has no room for a long one.
pub(super) fn on_axis(target: &str) -> String {
    const LONGEST: usize = 12;
    if target.chars().count() > LONGEST { "target".to_owned() } else { short(target) }
}

/// The character, or the replacement character for those that no document may have or that change the text
/// direction.
fn in_xml(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' => c,
        '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        _ if c.is_control() => '\u{fffd}',
        _ => c,
    }
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
        assert_eq!((on_axis("price"), on_axis("a longer name")), ("price".to_owned(), "target".to_owned()));
        assert_eq!(short("price\nin \u{7}"), "price in \u{fffd}");
        assert_eq!(short(""), "(no name)");
        assert_eq!(short(&"ä".repeat(60)), "ä".repeat(60));
        assert_eq!(short(&"ä".repeat(61)), format!("{}…", "ä".repeat(59)));
    }
}
