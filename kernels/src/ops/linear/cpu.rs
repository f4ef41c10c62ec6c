//! The affine layer and its backward on row-major slices, y = activation(x W^T + b).
//!
//! x is (rows, inputs), W is (outputs, inputs), b is (outputs) and y is (rows, outputs). Every function
//! panics when a slice is shorter than its matrix.

use super::activation::Activation;
use super::gemm::{Epilogue, Matrix, Write, gemm, gemm_transposed};
use super::sizes::Sizes;
use crate::ops::simd::SimdFloat;

/// y <- activation(x W^T + b), with W (outputs, inputs).
pub(super) fn forward_by_weight<T: SimdFloat>(
    Sizes { rows, inputs, outputs }: Sizes,
    x: &[T],
    weight: &[T],
    bias: &[T],
    activation: Activation,
    y: &mut [T],
) {
    let x = Matrix::row_major(x, inputs);
    gemm_transposed([rows, outputs, inputs], x, weight, y, Epilogue::BiasActivation { bias, activation });
}

/// Writes dW = dy^T x.
pub(super) fn weight_grad<T: SimdFloat>(
    Sizes { rows, inputs, outputs }: Sizes,
    x: &[T],
    grad: &[T],
    write: Write,
    weight_grad: &mut [T],
) {
    gemm([outputs, inputs, rows], Matrix::transposed(grad, outputs), x, weight_grad, write.into());
}

/// dx <- dy W.
pub(super) fn input_grad<T: SimdFloat>(
    Sizes { rows, inputs, outputs }: Sizes,
    grad: &[T],
    weight: &[T],
    x_grad: &mut [T],
) {
    gemm([rows, inputs, outputs], Matrix::row_major(grad, outputs), weight, x_grad, Epilogue::Set);
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::ops::linear::gemm::{column_sums, relu_backward, transpose};

    /// y <- activation(x W^T + b), with W^T (inputs, outputs).
    fn forward<T: SimdFloat>(
        Sizes { rows, inputs, outputs }: Sizes,
        x: &[T],
        transposed: &[T],
        bias: &[T],
        activation: Activation,
        y: &mut [T],
    ) {
        let x = Matrix::row_major(x, inputs);
        gemm([rows, outputs, inputs], x, transposed, y, Epilogue::BiasActivation { bias, activation });
    }

    /// dx <- (dy W) [x > 0] for the output x of a relu, and writes the column sums of dx, which are db of the
    /// layer below.
    fn input_grad_relu_backward<T: SimdFloat>(
        Sizes { rows, inputs, outputs }: Sizes,
        grad: &[T],
        weight: &[T],
        x: &[T],
        write: Write,
        [x_grad, bias_grad]: [&mut [T]; 2],
    ) {
        let bias_grad = &mut bias_grad[..inputs];
        if write == Write::Set {
            bias_grad.fill(T::default());
        }
        let epilogue = Epilogue::ReluBackward { output: x, bias_grad };
        gemm([rows, inputs, outputs], Matrix::row_major(grad, outputs), weight, x_grad, epilogue);
    }

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
                    transpose(outputs, inputs, &weight, &mut transposed);
                    let mut y = vec![f64::NAN; rows * outputs];
                    forward(sizes, &x, &transposed, &bias, Activation::Relu, &mut y);
                    let (tx, tw) = (matrix(&x, rows), matrix(&weight, outputs));
                    let affine = tx.matmul(&tw.t().unwrap()).unwrap();
                    let affine = affine.broadcast_add(&matrix(&bias, 1)).unwrap();
                    let expected = affine.relu().unwrap();
                    largest = largest.max(difference(&what, &y, &expected));

                    let mut grad = random(&mut rng, rows * outputs);
                    let mask = affine.gt(0.).unwrap().to_dtype(DType::F64).unwrap();
                    let masked = (matrix(&grad, rows) * mask).unwrap();
                    let mut dw = random(&mut rng, outputs * inputs);
                    let product = masked.t().unwrap().matmul(&tx).unwrap();
                    let expected_dw = (matrix(&dw, outputs) + &product).unwrap();
                    let expected_db = masked.sum_keepdim(0).unwrap();
                    let mut db = vec![f64::NAN; outputs];
                    relu_backward(&y, &mut grad, Write::Set, &mut db);
                    largest = largest.max(difference(&what, &grad, &masked));
                    largest = largest.max(difference(&what, &db, &expected_db));
                    db.fill(f64::NAN);
                    column_sums(&grad, Write::Set, &mut db);
                    largest = largest.max(difference(&what, &db, &expected_db));
                    weight_grad(sizes, &x, &grad, Write::Add, &mut dw);
                    largest = largest.max(difference(&what, &dw, &expected_dw));
                    weight_grad(sizes, &x, &grad, Write::Set, &mut dw);
                    largest = largest.max(difference(&what, &dw, &product));
                    let expected_dx = masked.matmul(&tw).unwrap();
                    let mut dx = vec![f64::NAN; rows * inputs];
                    input_grad(sizes, &grad, &weight, &mut dx);
                    largest = largest.max(difference(&what, &dx, &expected_dx));

                    // As if x were the output of a relu.
                    let mask = tx.gt(0.).unwrap().to_dtype(DType::F64).unwrap();
                    let expected_dx = (expected_dx * mask).unwrap();
                    let sums = expected_dx.sum_keepdim(0).unwrap();
                    for write in [Write::Set, Write::Add] {
                        let mut below = random(&mut rng, inputs);
                        let before = (matrix(&below, 1) * f64::from(u8::from(write == Write::Add))).unwrap();
                        dx.fill(f64::NAN);
                        input_grad_relu_backward(sizes, &grad, &weight, &x, write, [&mut dx, &mut below]);
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
        transpose(outputs, inputs, &weight, &mut transposed);
        let mut y = vec![f64::NAN; rows * outputs];
        forward(sizes, &x, &transposed, &bias, Activation::Relu, &mut y);
        let (tx, tw) = (matrix(&x, rows), matrix(&weight, outputs));
        let affine = tx.matmul(&tw.t().unwrap()).unwrap().broadcast_add(&matrix(&bias, 1)).unwrap();
        difference("forward", &y, &affine.relu().unwrap());
        y.fill(f64::NAN);
        forward_by_weight(sizes, &x, &weight, &bias, Activation::Relu, &mut y);
        difference("forward by W", &y, &affine.relu().unwrap());
        let (grad, mut dw) = (random(&mut rng, rows * outputs), random(&mut rng, outputs * inputs));
        let product = matrix(&grad, rows).t().unwrap().matmul(&tx).unwrap();
        let expected = (matrix(&dw, outputs) + product).unwrap();
        weight_grad(sizes, &x, &grad, Write::Add, &mut dw);
        difference("weight", &dw, &expected);
        let mut dx = vec![f64::NAN; rows * inputs];
        input_grad(sizes, &grad, &weight, &mut dx);
        let expected = matrix(&grad, rows).matmul(&tw).unwrap();
        difference("input", &dx, &expected);
        let mut sums = vec![f64::NAN; inputs];
        input_grad_relu_backward(sizes, &grad, &weight, &x, Write::Set, [&mut dx, &mut sums]);
        let expected = (expected * tx.gt(0.).unwrap().to_dtype(DType::F64).unwrap()).unwrap();
        difference("input after a relu", &dx, &expected);
        difference("sums", &sums, &expected.sum_keepdim(0).unwrap());
    }

    #[test]
    fn nan_is_not_lost() {
        let sizes = Sizes { rows: 2, inputs: 1, outputs: 40 };
        let mut y = vec![0f32; 80];
        forward(sizes, &[f32::NAN, 1.], &[1.; 40], &[0.; 40], Activation::Relu, &mut y);
        assert!(y[..40].iter().all(|y| y.is_nan()) && y[40..].iter().all(|&y| y == 1.));
        let mut y = vec![0f32; 2];
        let sizes = Sizes { rows: 2, inputs: 40, outputs: 1 };
        let x = [[f32::NAN; 40], [1.; 40]].concat();
        forward(sizes, &x, &[-1.; 40], &[0.], Activation::Relu, &mut y);
        assert!(y[0].is_nan() && y[1] == 0., "{y:?}");
    }
}
