//! Panics of foreign code as values.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    /// Where the latest panic that was kept quiet happened, as `file:line`.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `body`; a panic in it comes back as its message and its place and is not printed.
///
/// Candle's `backward` panics on some graphs ("grad not populated"), and a checker must survive what it
/// checks. The first call wraps the process's panic hook in one that keeps quiet on a thread that is in
/// here and passes every other panic on. `body` only borrows what the caller drops after a panic, hence
/// `AssertUnwindSafe`. Built with `panic = "abort"` there is nothing to catch and the process ends.
pub(super) fn guard<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    if !std::thread::panicking() {
        HOOK.call_once(|| {
            let previous = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                if !QUIET.try_with(Cell::get).unwrap_or(false) {
                    return previous(info);
                }
                let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
                PLACE.try_with(|latest| latest.replace(place)).ok();
            }));
        });
    }
    let before = QUIET.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(body));
    QUIET.set(before);
    outcome.map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        let text =
            text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into());
        PLACE.take().map_or(text.clone(), |place| format!("{text} ({place})"))
    })
}

#[cfg(test)]
mod tests {
    use super::guard;

    #[test]
    fn a_panic_becomes_its_message() {
        let message = |line: u32, text: &str| format!("{text} ({}:{line})", file!());
        assert_eq!(guard(|| 1), Ok(1));
        let (line, plain) = (line!(), guard(|| panic!("plain")));
        assert_eq!(plain, Err::<(), _>(message(line, "plain")));
        let (line, formatted) = (line!(), guard(|| panic!("number {}", 2)));
        assert_eq!(formatted, Err::<(), _>(message(line, "number 2")));
        let (line, nested) = (line!(), guard(|| guard(|| panic!("inner"))));
        assert_eq!(nested, Ok(Err::<(), _>(message(line, "inner"))));
    }
}
