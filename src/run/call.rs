//! Calls as they are typed.

use std::borrow::Cow;

/// `argument` as a shell takes it for one word.
///
/// # Examples
///
/// ```
/// use taper::run::as_typed;
///
/// assert_eq!(as_typed("runs/a"), "runs/a");
/// assert_eq!(as_typed("Anna's runs"), r"'Anna'\''s runs'");
/// ```
pub fn as_typed(argument: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./,:=+@%".contains(c);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        return Cow::Borrowed(argument);
    }
    Cow::Owned(format!("'{}'", argument.replace('\'', r"'\''")))
}
