//! Calls as they are typed.

use std::borrow::Cow;
use std::path::Path;

/// `argument` as a shell takes it for one word, in one line.
///
/// # Examples
///
/// ```
/// use taper::run::as_typed;
///
/// assert_eq!(as_typed("runs/a"), "runs/a");
/// assert_eq!(as_typed("Anna's runs"), r"'Anna'\''s runs'");
/// assert_eq!(as_typed("two\nlines"), r"$'two\nlines'");
/// ```
pub fn as_typed(argument: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./,:=+@%".contains(c);
    // zsh looks for a command after a leading `=`.
    if !argument.is_empty() && !argument.starts_with('=') && argument.chars().all(is_plain) {
        return Cow::Borrowed(argument);
    }
    if argument.contains(char::is_control) {
        let escaped = |c: char| match c {
            '\'' | '\\' => format!("\\{c}"),
            '\n' => r"\n".to_owned(),
            c if c.is_ascii_control() => format!(r"\{:03o}", u32::from(c)),
            c => c.to_string(),
        };
        return Cow::Owned(format!("$'{}'", argument.chars().map(escaped).collect::<String>()));
    }
    Cow::Owned(format!("'{}'", argument.replace('\'', r"'\''")))
}

/// The call with which the run of `taper command` in `folder` goes on, as it is typed.
///
/// # Examples
///
/// ```
/// use std::path::Path;
/// use taper::run::resume_call;
///
/// assert_eq!(resume_call("cv", Path::new("runs/a")), "taper cv --resume runs/a");
/// assert_eq!(resume_call("cv", Path::new("-r")), "taper cv --resume=-r");
/// ```
pub fn resume_call(command: &str, folder: &Path) -> String {
    let folder = folder.to_string_lossy();
    // What begins with a hyphen would be a flag.
    let between = if folder.starts_with('-') { '=' } else { ' ' };
    format!("taper {command} --resume{between}{}", as_typed(&folder))
}
