//! The affine layer on row-major slices: y = relu(x W^T + b), and its backward.
//!
//! x is (rows, inputs), W is (outputs, inputs), b is (outputs) and y is (rows, outputs). Every function panics when a slice
//! is shorter than its matrix.

use super::gate::{add_column_sums, gate_and_add_sums};
use super::large::large;
use super::product::{LARGE, Matrix, Outcome, product};
use crate::ops::simd::{self, Lanes, Simd, WithSimd};

/// The sizes of a layer's product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) rows: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

/// y <- x W^T + b, and then relu if `relu`; W^T is (inputs, outputs).
pub(crate) fn forward<T: Lanes>(
    Sizes { rows, inputs, outputs }: Sizes,
    x: &[T],
    transposed: &[T],
    bias: &[T],
    relu: bool,
    y: &mut [T],
) {
    let x = Matrix { data: x, row_stride: inputs, column_stride: 1 };
    product([rows, outputs, inputs], x, transposed, y, Outcome::Layer { bias, relu });
}

/// y <- x W^T + b, and then relu if `relu`; W is (outputs, inputs), and where the product wants W^T it is made anew: for a
/// single row that is most of the time.
pub(crate) fn forward_by_weight<T: Lanes>(
    sizes: Sizes,
    x: &[T],
    weight: &[T],
    bias: &[T],
    relu: bool,
    y: &mut [T],
) {
    let Sizes { rows, inputs, outputs } = sizes;
    if rows * inputs * outputs >= LARGE {
        let x = Matrix { data: x, row_stride: inputs, column_stride: 1 };
        let transposed = Matrix { data: weight, row_stride: 1, column_stride: inputs };
        return large([rows, outputs, inputs], x, transposed, y, Outcome::Layer { bias, relu });
    }
    let mut transposed = vec![T::default(); inputs * outputs];
    transpose(inputs, outputs, weight, &mut transposed);
    forward(sizes, x, &transposed, bias, relu, y);
}

/// dW <- dy^T x, added to what is there if `accumulate`.
pub(crate) fn weight_grad<T: Lanes>(
    Sizes { rows, inputs, outputs }: Sizes,
    x: &[T],
    grad: &[T],
    accumulate: bool,
    weight_grad: &mut [T],
) {
    let grad = Matrix { data: grad, row_stride: 1, column_stride: outputs };
    let outcome = if accumulate { Outcome::Accumulate } else { Outcome::Set };
    product([outputs, inputs, rows], grad, x, weight_grad, outcome);
}

/// dx <- dy W.
pub(crate) fn input_grad<T: Lanes>(
    Sizes { rows, inputs, outputs }: Sizes,
    grad: &[T],
    weight: &[T],
    x_grad: &mut [T],
) {
    let grad = Matrix { data: grad, row_stride: outputs, column_stride: 1 };
    product([rows, inputs, outputs], grad, weight, x_grad, Outcome::Set);
}

/// dx <- (dy W) [x > 0] for the output x of a relu, and db of the layer that made x <- the sums of dx's columns, added to
/// what is there if `accumulate`.
pub(crate) fn gated_input_grad<T: Lanes>(
    Sizes { rows, inputs, outputs }: Sizes,
    grad: &[T],
    weight: &[T],
    x: &[T],
    accumulate: bool,
    [x_grad, bias_grad]: [&mut [T]; 2],
) {
    let sums = &mut bias_grad[..inputs];
    if !accumulate {
        sums.fill(T::default());
    }
    let grad = Matrix { data: grad, row_stride: outputs, column_stride: 1 };
    product([rows, inputs, outputs], grad, weight, x_grad, Outcome::Gated { output: x, sums });
}

/// db <- the sums of dy's columns.
pub(crate) fn bias_grad<T: Lanes>(Sizes { rows, outputs, .. }: Sizes, grad: &[T], bias_grad: &mut [T]) {
    let sums = &mut bias_grad[..outputs];
    sums.fill(T::default());
    add_column_sums(&grad[..rows * outputs], sums);
}

/// dy <- dy [y > 0] for the output y of a relu, and db <- the sums of dy's columns.
pub(crate) fn relu_grad<T: Lanes>(
    Sizes { rows, outputs, .. }: Sizes,
    output: &[T],
    grad: &mut [T],
    bias_grad: &mut [T],
) {
    let sums = &mut bias_grad[..outputs];
    sums.fill(T::default());
    gate_and_add_sums(output, &mut grad[..rows * outputs], sums);
}

/// (outputs, inputs) to (inputs, outputs).
pub(crate) fn transpose<T: Lanes>(inputs: usize, outputs: usize, weight: &[T], transposed: &mut [T]) {
    let (weight, transposed) = (&weight[..inputs * outputs], &mut transposed[..inputs * outputs]);
    simd::run(Transpose { inputs, outputs, weight, transposed });
}

struct Transpose<'a, T> {
    inputs: usize,
    outputs: usize,
    weight: &'a [T],
    transposed: &'a mut [T],
}

/// The edge of the squares that are transposed at a time: a row of one fills a line of the cache, so every line that is
/// touched is used whole.
const SQUARE: usize = 16;

impl<T: Lanes> WithSimd for Transpose<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { inputs, outputs, weight, transposed } = self;
        for output in (0..outputs).step_by(SQUARE) {
            let rows = SQUARE.min(outputs - output);
            for input in (0..inputs).step_by(SQUARE) {
                let columns = SQUARE.min(inputs - input);
                if rows == SQUARE && columns == SQUARE {
                    let mut square = [[T::default(); SQUARE]; SQUARE];
                    for (r, row) in square.iter_mut().enumerate() {
                        row.copy_from_slice(&weight[(output + r) * inputs + input..][..SQUARE]);
                    }
                    for c in 0..SQUARE {
                        let to = &mut transposed[(input + c) * outputs + output..][..SQUARE];
                        for (to, row) in to.iter_mut().zip(&square) {
                            *to = row[c];
                        }
                    }
                } else {
                    for c in input..input + columns {
                        for r in output..output + rows {
                            transposed[c * outputs + r] = weight[r * inputs + c];
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Tensor};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn random(rng: &mut ChaCha8Rng, len: usize) -> Vec<f64> {
        (0..len).map(|_| rng.random_range(-1. ..1.)).collect()
    }

    fn matrix(x: &[f64], rows: usize) -> Tensor {
        Tensor::from_slice(x, (rows, x.len() / rows), &Device::Cpu).unwrap()
    }

    fn difference(what: &str, ours: &[f64], candle: &Tensor) -> f64 {
        let candle: Vec<f64> = candle.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(ours.len(), candle.len(), "{what}");
        let largest = ours.iter().zip(&candle).map(|(a, b)| (a - b).abs()).fold(0., |a: f64, b| {
            // A NaN stays.
            if b > a || b.is_nan() { b } else { a }
        });
        assert!(largest <= 1e-12, "{what}: {largest}");
        largest
    }

    /// Every size around the tiles' and vectors' ones, forward and backward, against Candle's products.
    #[test]
    fn every_size_is_candles() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut largest = 0f64;
        for rows in [1, 2, 5, 6, 7, 8, 9, 17] {
            for inputs in [1, 3, 4, 7, 8, 15, 16, 17, 33] {
                for outputs in [1, 2, 4, 8, 9, 16, 31, 32, 33] {
                    let what = format!("{rows} x {inputs} -> {outputs}");
                    let sizes = Sizes { rows, inputs, outputs };
                    let [x, weight, bias] =
                        [rows * inputs, outputs * inputs, outputs].map(|len| random(&mut rng, len));
                    let mut transposed = vec![f64::NAN; inputs * outputs];
                    transpose(inputs, outputs, &weight, &mut transposed);
                    let mut y = vec![f64::NAN; rows * outputs];
                    forward(sizes, &x, &transposed, &bias, true, &mut y);
                    let (tx, tw) = (matrix(&x, rows), matrix(&weight, outputs));
                    let affine = tx.matmul(&tw.t().unwrap()).unwrap();
                    let affine = affine.broadcast_add(&matrix(&bias, 1)).unwrap();
                    let expected = affine.relu().unwrap();
                    largest = largest.max(difference(&what, &y, &expected));

                    let mut grad = random(&mut rng, rows * outputs);
                    let mask = affine.gt(0.).unwrap().to_dtype(candle_core::DType::F64).unwrap();
                    let masked = (matrix(&grad, rows) * mask).unwrap();
                    let mut dw = random(&mut rng, outputs * inputs);
                    let product = masked.t().unwrap().matmul(&tx).unwrap();
                    let expected_dw = (matrix(&dw, outputs) + &product).unwrap();
                    let expected_db = masked.sum_keepdim(0).unwrap();
                    let mut db = vec![f64::NAN; outputs];
                    relu_grad(sizes, &y, &mut grad, &mut db);
                    largest = largest.max(difference(&what, &grad, &masked));
                    largest = largest.max(difference(&what, &db, &expected_db));
                    db.fill(f64::NAN);
                    bias_grad(sizes, &grad, &mut db);
                    largest = largest.max(difference(&what, &db, &expected_db));
                    weight_grad(sizes, &x, &grad, true, &mut dw);
                    largest = largest.max(difference(&what, &dw, &expected_dw));
                    weight_grad(sizes, &x, &grad, false, &mut dw);
                    largest = largest.max(difference(&what, &dw, &product));
                    let expected_dx = masked.matmul(&tw).unwrap();
                    let mut dx = vec![f64::NAN; rows * inputs];
                    input_grad(sizes, &grad, &weight, &mut dx);
                    largest = largest.max(difference(&what, &dx, &expected_dx));

                    // As if x were the output of a relu.
                    let mask = tx.gt(0.).unwrap().to_dtype(candle_core::DType::F64).unwrap();
                    let expected_dx = (expected_dx * mask).unwrap();
                    let sums = expected_dx.sum_keepdim(0).unwrap();
                    for accumulate in [false, true] {
                        let mut below = random(&mut rng, inputs);
                        let before = (matrix(&below, 1) * f64::from(u8::from(accumulate))).unwrap();
                        dx.fill(f64::NAN);
                        gated_input_grad(sizes, &grad, &weight, &x, accumulate, [&mut dx, &mut below]);
                        largest = largest.max(difference(&what, &dx, &expected_dx));
                        largest = largest.max(difference(&what, &below, &(before + &sums).unwrap()));
                    }
                }
            }
        }
        println!("largest difference {largest:e}");
    }

    /// From here on the `gemm` crate multiplies.
    #[test]
    fn large_sizes_are_candles() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let sizes = Sizes { rows: 130, inputs: 131, outputs: 129 };
        let Sizes { rows, inputs, outputs } = sizes;
        let [x, weight, bias] = [rows * inputs, outputs * inputs, outputs].map(|len| random(&mut rng, len));
        let mut transposed = vec![f64::NAN; inputs * outputs];
        transpose(inputs, outputs, &weight, &mut transposed);
        let mut y = vec![f64::NAN; rows * outputs];
        forward(sizes, &x, &transposed, &bias, true, &mut y);
        let (tx, tw) = (matrix(&x, rows), matrix(&weight, outputs));
        let affine = tx.matmul(&tw.t().unwrap()).unwrap().broadcast_add(&matrix(&bias, 1)).unwrap();
        difference("forward", &y, &affine.relu().unwrap());
        y.fill(f64::NAN);
        forward_by_weight(sizes, &x, &weight, &bias, true, &mut y);
        difference("forward by W", &y, &affine.relu().unwrap());
        let (grad, mut dw) = (random(&mut rng, rows * outputs), random(&mut rng, outputs * inputs));
        let product = matrix(&grad, rows).t().unwrap().matmul(&tx).unwrap();
        let expected = (matrix(&dw, outputs) + product).unwrap();
        weight_grad(sizes, &x, &grad, true, &mut dw);
        difference("weight", &dw, &expected);
        let mut dx = vec![f64::NAN; rows * inputs];
        input_grad(sizes, &grad, &weight, &mut dx);
        let expected = matrix(&grad, rows).matmul(&tw).unwrap();
        difference("input", &dx, &expected);
        let mut sums = vec![f64::NAN; inputs];
        gated_input_grad(sizes, &grad, &weight, &x, false, [&mut dx, &mut sums]);
        let expected = (expected * tx.gt(0.).unwrap().to_dtype(candle_core::DType::F64).unwrap()).unwrap();
        difference("gated input", &dx, &expected);
        difference("sums", &sums, &expected.sum_keepdim(0).unwrap());
    }

    #[test]
    fn nan_is_not_lost() {
        let sizes = Sizes { rows: 2, inputs: 1, outputs: 40 };
        let mut y = vec![0f32; 80];
        forward(sizes, &[f32::NAN, 1.], &[1.; 40], &[0.; 40], true, &mut y);
        assert!(y[..40].iter().all(|y| y.is_nan()) && y[40..].iter().all(|&y| y == 1.));
        let mut y = vec![0f32; 2];
        let sizes = Sizes { rows: 2, inputs: 40, outputs: 1 };
        let x = [[f32::NAN; 40], [1.; 40]].concat();
        forward(sizes, &x, &[-1.; 40], &[0.], true, &mut y);
        assert!(y[0].is_nan() && y[1] == 0., "{y:?}");
    }
}
