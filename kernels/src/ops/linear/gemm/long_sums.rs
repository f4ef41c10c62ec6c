//! Sums of 2^20 terms in `f32` against `f64`, by every kernel.

use super::*;
use crate::ops::linear::activation::Activation;

const LEN: usize = 1 << 20;

/// 0.1 in `f32`, whose running sum over 2^20 rows is off by 1 %.
const TENTH: f32 = 0.1;

/// Holds every sum against `expected`, relative to it, and prints the largest difference.
fn assert_sums(what: &str, sums: &[f32], expected: f64, allowed: f64) {
    let differences = sums.iter().map(|&sum| (f64::from(sum) / expected - 1.).abs());
    let largest = differences.fold(0., |a: f64, b| if b > a || b.is_nan() { b } else { a });
    println!("{what}: largest relative difference {largest:e}");
    assert!(largest <= allowed, "{what}: {largest:e}");
}

/// Columns for a vector alone, for part of one, for both, and for two.
const COLUMNS: [usize; 4] = [1, 3, 17, 33];

#[test]
fn column_sums_of_many_rows() {
    let expected = f64::from(TENTH) * LEN as f64;
    for n in COLUMNS {
        let mut matrix = vec![TENTH; LEN * n];
        for (write, before) in [(Write::Set, 0.), (Write::Add, expected)] {
            let mut sums = vec![before as f32; n];
            column_sums(&matrix, write, &mut sums);
            assert_sums(&format!("{n} columns, {write:?}"), &sums, before + expected, 1e-6);
            let mut sums = vec![before as f32; n];
            relu_backward(&vec![1.; LEN * n], &mut matrix, write, &mut sums);
            assert_sums(&format!("{n} columns after a relu, {write:?}"), &sums, before + expected, 1e-6);
        }
    }
}

/// The sums of a bias's gradient in the epilogue of a product, by tiles and by the `gemm` crate.
#[test]
fn sums_in_the_epilogue_of_a_product_of_many_rows() {
    for (n, k) in [(1, 1), (2, 1), (17, 3)] {
        let expected = f64::from(TENTH) * LEN as f64 * k as f64;
        for before in [0., expected] {
            let mut bias_grad = vec![before as f32; n];
            let (output, mut c) = (vec![1.; LEN * n], vec![f32::NAN; LEN * n]);
            let epilogue = Epilogue::ReluBackward { output: &output, bias_grad: &mut bias_grad };
            gemm(
                [LEN, n, k],
                Matrix::row_major(&vec![TENTH; LEN * k], k),
                &vec![1.; k * n],
                &mut c,
                epilogue,
            );
            assert_sums(&format!("{LEN} x {k} times {k} x {n}"), &bias_grad, before + expected, 1e-6);
        }
    }
}

/// Rows of 2^20 features, with all numbers equal and with numbers of many sizes.
#[test]
fn products_of_many_features() {
    let equal = vec![TENTH; LEN];
    // A permutation of the halves, so that no two blocks are alike.
    let spread: Vec<f32> = (0..LEN).map(|i| (i * 77_773 % LEN) as f32 / LEN as f32).collect();
    // Equal numbers are rounded in one direction.
    for (kind, row, allowed) in [("equal", equal, 5e-6), ("spread", spread, 1e-6)] {
        let expected = row.iter().map(|&x| f64::from(x) * f64::from(TENTH)).sum();
        for (m, n) in [(1, 1), (5, 1), (1, 2), (2, 3)] {
            let what = format!("{kind}: {m} x {LEN} times {LEN} x {n}");
            let (a, b) = (row.repeat(m), vec![TENTH; LEN * n]);
            let mut c = vec![f32::NAN; m * n];
            gemm([m, n, LEN], Matrix::row_major(&a, LEN), &b, &mut c, Epilogue::Set);
            assert_sums(&what, &c, expected, allowed);
            gemm_transposed([m, n, LEN], Matrix::row_major(&a, LEN), &b, &mut c, Epilogue::Set);
            assert_sums(&format!("{what}, transposed"), &c, expected, allowed);
            c.fill(expected as f32);
            gemm([m, n, LEN], Matrix::row_major(&a, LEN), &b, &mut c, Epilogue::Add);
            assert_sums(&format!("{what}, added"), &c, 2. * expected, allowed);

            let packed = PackedMatrix::new(n, LEN, &b);
            packed.forward(m, &a, Some((&vec![0.; n], Activation::Identity)), &mut c);
            assert_sums(&format!("{what}, packed"), &c, expected, allowed);
        }
        // The gradient of a weight: the rows are the long side.
        for (outputs, inputs) in [(1, 1), (1, 3), (2, 1), (33, 17)] {
            let grad: Vec<f32> = row.iter().flat_map(|&x| vec![x; outputs]).collect();
            let mut c = vec![f32::NAN; outputs * inputs];
            let a = Matrix::transposed(&grad, outputs);
            gemm([outputs, inputs, LEN], a, &vec![TENTH; LEN * inputs], &mut c, Epilogue::Set);
            assert_sums(&format!("{kind}: the weight {outputs} x {inputs}"), &c, expected, allowed);
        }
    }
}

/// As many rows as a usual batch has, and as many products as a usual layer, are one running sum each, as
/// they were before there were blocks.
#[test]
fn few_terms_are_one_running_sum() {
    let (rows, k) = (64, 256);
    let numbers: Vec<f32> = (0..k).map(|i| (i as f32).sin()).collect();
    let mut sums = [0.];
    column_sums(&numbers[..rows], Write::Set, &mut sums);
    assert_eq!(sums, [numbers[..rows].iter().fold(0., |sum, x| sum + x)]);
    // Exact products, so that it does not matter how often they are rounded.
    let mut c = [f32::NAN; 2];
    let b: Vec<f32> = (0..k).flat_map(|i| [1., if i % 2 == 0 { 1. } else { -2. }]).collect();
    gemm([1, 2, k], Matrix::row_major(&numbers, k), &b, &mut c, Epilogue::Set);
    let chain = |column: usize| (0..k).fold(0., |sum, i| sum + numbers[i] * b[2 * i + column]);
    assert_eq!(c, [chain(0), chain(1)]);
}

/// What rounding has lost of an infinite sum is NaN, and the sum is not.
#[test]
fn infinite_sums_stay_infinite() {
    let mut matrix = vec![1f32; 3 * 1000];
    (matrix[3 * 500], matrix[3 * 501 + 1], matrix[3 * 700 + 2]) = (f32::INFINITY, f32::MAX, f32::NAN);
    matrix[3 * 800 + 1] = f32::MAX;
    let is_right = |sums: &[f32]| sums[..2] == [f32::INFINITY; 2] && sums[2].is_nan();
    let mut sums = [0.; 3];
    column_sums(&matrix, Write::Set, &mut sums);
    assert!(is_right(&sums), "{sums:?}");
    gemm([1, 3, 1000], Matrix::row_major(&[1.; 1000], 1000), &matrix, &mut sums, Epilogue::Set);
    assert!(is_right(&sums), "{sums:?}");
}
