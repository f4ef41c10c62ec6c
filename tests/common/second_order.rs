//! Derivatives of second order, for which Candle wants an environment variable.

use std::process::Command;

/// Runs `body` in a process in which Candle keeps the graph of the backward.
///
/// Candle reads the variable once a thread, and a process cannot set it for itself without unsafe code, so
/// the test starts itself again with the variable set; `test` is its own name.
pub fn with_second_order(test: &str, body: impl FnOnce()) {
    const VARIABLE: &str = "CANDLE_GRAD_DO_NOT_DETACH";
    if std::env::var(VARIABLE).is_ok_and(|value| value == "1") {
        return body();
    }
    let again = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(VARIABLE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&again.stdout);
    assert!(text.contains("1 passed"), "{text}\n{}", String::from_utf8_lossy(&again.stderr));
}
