//! How tensors and numbers are compared.

use candle_core::{DType, Tensor};

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
