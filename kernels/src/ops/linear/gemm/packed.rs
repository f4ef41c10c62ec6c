//! Products by one matrix, packed once and multiplied many times.

use std::ops::Range;

use super::columns::COLUMNS;
use super::epilogue::{Epilogue, Matrix};
use super::small::small;
use super::tiles::ROW_MULTIPLE;
use super::transpose::transpose;
use crate::ops::linear::activation::Activation;
use crate::ops::simd::SimdFloat;

/// The columns of a panel.
const PANEL: usize = COLUMNS;

/// The most elements of a matrix that is not cut into panels.
const WHOLE: usize = (1 << 21) / ROW_MULTIPLE;

/// The matrix M (outputs, inputs) of a layer, kept as its product takes it.
///
/// M^T is the right factor, in panels of columns that are contiguous each, so that a panel stays in the cache
/// while rows pass by; a small matrix is one panel. The product always takes the small kernel: a row of the
/// result is the same bit for bit whichever rows come with it.
#[derive(Debug, Clone)]
pub struct PackedMatrix<T> {
    inputs: usize,
    outputs: usize,
    panels: Vec<Panel<T>>,
}

/// Some columns of M^T.
#[derive(Debug, Clone)]
struct Panel<T> {
    columns: Range<usize>,
    /// (inputs, columns), row-major.
    elements: Vec<T>,
}

impl<T: SimdFloat> PackedMatrix<T> {
    /// Packs the row-major `matrix` (outputs, inputs).
    ///
    /// # Panics
    ///
    /// When `matrix` is shorter than that.
    pub(crate) fn new(outputs: usize, inputs: usize, matrix: &[T]) -> Self {
        let width = if inputs * outputs <= WHOLE { outputs } else { PANEL };
        let panel = |start: usize| {
            let columns = start..outputs.min(start + width);
            let mut elements = vec![T::default(); inputs * columns.len()];
            transpose(columns.len(), inputs, &matrix[start * inputs..], &mut elements);
            Panel { columns, elements }
        };
        let panels = (0..outputs).step_by(width.max(1)).map(panel).collect();
        Self { inputs, outputs, panels }
    }

    /// y <- activation(x M^T + bias) for `rows` rows, or x M^T without `after`, the two of them: x is (rows,
    /// inputs) and y (rows, outputs). It allocates nothing.
    ///
    /// # Panics
    ///
    /// When a slice is shorter than its matrix, or the bias than a row of y.
    pub(crate) fn forward(&self, rows: usize, x: &[T], after: Option<(&[T], Activation)>, y: &mut [T]) {
        let Self { inputs, outputs, panels } = self;
        // A panel's part of some rows: the kernel writes whole rows.
        let mut part = [T::default(); ROW_MULTIPLE * PANEL];
        for Panel { columns, elements } in panels {
            let width = columns.len();
            let product = |rows: Range<usize>, y: &mut [T]| {
                let x = Matrix::row_major(&x[rows.start * inputs..], *inputs);
                let epilogue = match after {
                    Some((bias, activation)) => {
                        Epilogue::BiasActivation { bias: &bias[columns.clone()], activation }
                    }
                    None => Epilogue::Set,
                };
                small([rows.len(), width, *inputs], x, elements, y, epilogue);
            };
            if width == *outputs {
                product(0..rows, y);
                continue;
            }
            for start in (0..rows).step_by(ROW_MULTIPLE) {
                let end = rows.min(start + ROW_MULTIPLE);
                product(start..end, &mut part);
                let y = y[start * outputs..end * outputs].chunks_exact_mut(*outputs);
                for (y, part) in y.zip(part.chunks_exact(width)) {
                    y[columns.clone()].copy_from_slice(part);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::ops::linear::gemm::gemm;

    #[test]
    fn a_packed_product_equals_gemm_and_each_row_is_the_same_bit_for_bit_alone() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut random = |len| -> Vec<f64> { (0..len).map(|_| rng.random_range(-1. ..1.)).collect() };
        // One panel, with a single column and with several; panels with a narrower last one, and with a
        // single column.
        for (outputs, inputs, panels) in [(1, 40, 1), (7, 3, 1), (97, 1000, 4), (50, 2000, 2), (2, 70_000, 1)]
        {
            let rows = ROW_MULTIPLE + 9;
            let [matrix, x, bias] = [outputs * inputs, rows * inputs, outputs].map(&mut random);
            let packed = PackedMatrix::new(outputs, inputs, &matrix);
            assert_eq!(packed.panels.len(), panels);
            let mut y = vec![f64::NAN; rows * outputs];
            let after = Some((&bias[..], Activation::Relu));
            packed.forward(rows, &x, after, &mut y);

            let mut transposed = vec![f64::NAN; inputs * outputs];
            transpose(outputs, inputs, &matrix, &mut transposed);
            let mut expected = vec![f64::NAN; rows * outputs];
            let epilogue = Epilogue::BiasActivation { bias: &bias, activation: Activation::Relu };
            gemm(
                [rows, outputs, inputs],
                Matrix::row_major(&x, inputs),
                &transposed,
                &mut expected,
                epilogue,
            );
            for (y, expected) in y.iter().zip(&expected) {
                assert!((y - expected).abs() <= 1e-10, "{outputs} x {inputs}: {y}, expected {expected}");
            }
            for (x, y) in x.chunks_exact(inputs).zip(y.chunks_exact(outputs)) {
                let mut alone = vec![f64::NAN; outputs];
                packed.forward(1, x, after, &mut alone);
                assert_eq!(alone, y, "{outputs} x {inputs}");
            }
            // Without the two it is the same product.
            let zeros = vec![0.; outputs];
            packed.forward(rows, &x, None, &mut y);
            packed.forward(rows, &x, Some((&zeros, Activation::Identity)), &mut expected);
            assert_eq!(y, expected, "{outputs} x {inputs}");
        }
    }
}
