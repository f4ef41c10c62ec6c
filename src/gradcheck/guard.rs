//! Failures of foreign code as values: panics, and the error that Candle wraps.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use candle_core::Error as CandleError;

thread_local! {
    static SILENT: Cell<bool> = const { Cell::new(false) };
    /// Where the latest silenced panic happened, as `file:line`.
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `body`; a panic in it is returned as its message and location, and not printed.
///
/// Candle's `backward` panics on some graphs ("grad not populated"), and a checker must survive what it
/// checks. The first call wraps the process's panic hook in one that is silent on threads inside this
/// function and passes every other panic on. `AssertUnwindSafe` is sound here because the caller discards
/// what `body` borrows once it has panicked. Under `panic = "abort"` nothing can be caught, and the process
/// ends.
pub(super) fn guard<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    if !std::thread::panicking() {
        HOOK.call_once(|| {
            let previous = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                if !SILENT.try_with(Cell::get).unwrap_or(false) {
                    return previous(info);
                }
                let location = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
                LOCATION.try_with(|latest| latest.replace(location)).ok();
            }));
        });
    }
    let before = SILENT.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(body));
    SILENT.set(before);
    result.map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        let text =
            text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into());
        LOCATION.take().map_or(text.clone(), |location| format!("{text} ({location})"))
    })
}

/// The error beneath what Candle wraps around it: context, paths, backtraces.
pub(super) fn root_cause(error: &CandleError) -> &CandleError {
    match error {
        CandleError::Context { inner, .. }
        | CandleError::WithPath { inner, .. }
        | CandleError::WithBacktrace { inner, .. } => root_cause(inner),
        error => error,
    }
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
