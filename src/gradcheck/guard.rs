//! Panics of foreign code as values.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body`; a panic in it comes back as its message and is not printed.
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
                    previous(info);
                }
            }));
        });
    }
    let before = QUIET.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(body));
    QUIET.set(before);
    outcome.map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
    })
}

#[cfg(test)]
mod tests {
    use super::guard;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(guard(|| 1), Ok(1));
        assert_eq!(guard(|| panic!("plain")), Err::<(), _>("plain".to_string()));
        assert_eq!(guard(|| panic!("number {}", 2)), Err::<(), _>("number 2".to_string()));
        assert_eq!(guard(|| guard(|| panic!("inner"))), Ok(Err::<(), _>("inner".to_string())));
    }
}
