//! The reference values of `tests/reference/`, which other libraries have computed.

use std::path::Path;

use serde_json::Value;

/// Reads the reference values `tests/reference/<name>`.
pub fn reference(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// A number; JSON has no NaN and no infinities, so these are strings.
pub fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{value} is no number"))
}

/// A list of numbers.
pub fn numbers(value: &Value) -> Vec<f64> {
    array(value).iter().map(number).collect()
}

/// A list.
pub fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

/// A list of whole numbers.
pub fn indices(value: &Value) -> Vec<usize> {
    array(value).iter().map(|i| i.as_u64().unwrap() as usize).collect()
}
