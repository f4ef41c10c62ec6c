//! Messages of errors.

/// The message of an error; under `RUST_BACKTRACE` Candle appends a trace to it.
pub fn first_line(error: &impl std::fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
