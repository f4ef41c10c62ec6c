//! What the integration tests share: the reference values, how numbers are compared, and second order.

// Every test binary compiles this module and uses a part of it.
#![allow(dead_code)]
// Clippy takes what is outside test functions for production code.
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub)]

pub mod cosines;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod derivatives;
#[cfg(feature = "cli")]
pub mod engines;
#[cfg(feature = "cli")]
pub mod trajectories;

use std::path::Path;
use std::process::Command;

use candle_core::{DType, Device, Tensor};
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

/// The tensor of `{"shape": [..], "values": [..]}`.
pub fn tensor(value: &Value, dtype: DType) -> Tensor {
    shaped(&value["values"], indices(&value["shape"]), dtype)
}

/// The tensor of a list of numbers in row-major order.
pub fn shaped(value: &Value, shape: impl Into<candle_core::Shape>, dtype: DType) -> Tensor {
    Tensor::from_vec(numbers(value), shape.into(), &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

/// The elements of a tensor in row-major order.
pub fn values(x: &Tensor) -> Vec<f64> {
    // Candle 0.11 panics when it reads an empty view whose offset is beyond the end of the storage.
    if x.elem_count() == 0 {
        return Vec::new();
    }
    x.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

/// How far a number may be from the one expected: |actual - expected| <= atol + rtol |expected|.
#[derive(Clone, Copy)]
pub struct Tolerance {
    pub rtol: f64,
    pub atol: f64,
}

impl Tolerance {
    /// The tolerance of sums of up to `n` terms of about this tolerance each.
    pub fn summed(self, n: usize) -> Self {
        Self { rtol: self.rtol, atol: self.atol * n.max(1) as f64 }
    }
}

/// Exact up to rounding in double precision.
pub const F64: Tolerance = Tolerance { rtol: 1e-13, atol: 1e-14 };

/// Holds `actual` against `expected`, prints the largest difference and panics when one is too large.
///
/// An expected NaN wants a NaN, an expected infinity the same infinity; an unexpected NaN fails.
pub fn assert_close(what: &str, actual: &[f64], expected: &[f64], tolerance: Tolerance) {
    assert_eq!(actual.len(), expected.len(), "{what}: number of elements");
    let mut largest = 0f64;
    for (i, (&a, &e)) in actual.iter().zip(expected).enumerate() {
        if e.is_nan() {
            assert!(a.is_nan(), "{what}[{i}] is {a}, expected NaN");
        } else if e.is_infinite() {
            assert!(a == e, "{what}[{i}] is {a}, expected {e}");
        } else {
            let difference = (a - e).abs();
            let allowed = tolerance.atol + tolerance.rtol * e.abs();
            assert!(difference <= allowed, "{what}[{i}] is {a}, expected {e} within {allowed:e}");
            largest = largest.max(difference);
        }
    }
    println!("{what}: largest difference {largest:e}");
}

/// The distance of `actual` from `high + low` in units in the last place of a float with `digits` binary digits and
/// the least exponent `min_exponent`.
pub fn ulps(actual: f64, high: f64, low: f64, digits: i32, min_exponent: i32) -> f64 {
    let exponent =
        if high == 0. { min_exponent } else { (high.abs().log2().floor() as i32).max(min_exponent) };
    ((actual - high) - low).abs() / f64::from(exponent + 1 - digits).exp2()
}

/// The document of a report without its times.
pub fn timeless(mut report: Value) -> Value {
    report["seconds"].take();
    for fold in report["folds"].as_array_mut().unwrap() {
        fold["seconds"].take();
    }
    report
}

/// The message of an error; under `RUST_BACKTRACE` Candle appends a trace to it.
pub fn first_line(error: &impl std::fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

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
