//! The operands of a matrix product, and what is done with its elements.

use crate::ops::linear::activation::Activation;
use crate::ops::scalar::Scalar;

/// A matrix with arbitrary strides.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a, T> {
    /// From the first element on.
    pub data: &'a [T],
    /// How many elements a row is from the next.
    pub row_stride: usize,
    /// How many elements a column is from the next.
    pub column_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// A row-major matrix.
    pub fn row_major(data: &'a [T], columns: usize) -> Self {
        Self { data, row_stride: columns, column_stride: 1 }
    }

    /// The matrix without its first `rows` rows.
    pub(super) fn skip_rows(self, rows: usize) -> Self {
        Self { data: &self.data[rows * self.row_stride..], ..self }
    }

    /// The matrix without its first `columns` columns.
    pub(super) fn skip_columns(self, columns: usize) -> Self {
        Self { data: &self.data[columns * self.column_stride..], ..self }
    }

    /// Panics unless the slice has all elements of `rows` rows and `columns` columns.
    pub(super) fn check(&self, rows: usize, columns: usize) {
        let last = || {
            let row = rows.checked_sub(1)?.checked_mul(self.row_stride)?;
            row.checked_add(columns.checked_sub(1)?.checked_mul(self.column_stride)?)
        };
        let is_there = rows == 0 || columns == 0 || last().is_some_and(|last| last < self.data.len());
        assert!(is_there, "a matrix of {rows} rows and {columns} columns has {} elements", self.data.len());
    }

    /// The transpose of a row-major matrix with `rows` columns, without moving an element.
    pub fn transposed(data: &'a [T], rows: usize) -> Self {
        Self { data, row_stride: 1, column_stride: rows }
    }
}

/// The number of elements of a matrix.
///
/// # Panics
///
/// When it overflows.
pub(super) fn product(rows: usize, columns: usize) -> usize {
    let product = rows.checked_mul(columns);
    assert!(product.is_some(), "{rows} rows of {columns} columns are too many elements");
    product.unwrap_or_default()
}

/// Whether a result replaces what its destination holds or is added to it: the beta of BLAS, 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// It replaces.
    Set,
    /// It is added.
    Add,
}

/// What is done with the elements of the product A B while they are still in registers.
#[derive(Debug)]
pub enum Epilogue<'a, T> {
    /// C <- A B.
    Set,
    /// C <- C + A B.
    Add,
    /// C <- activation(A B + bias), with one element of the bias for each column.
    BiasActivation {
        /// As long as a row of C.
        bias: &'a [T],
        /// The function activation.
        activation: Activation,
    },
    /// `C <- (A B) [output > 0]`, and adds the column sums of C to `bias_grad`: the gradient before the relu
    /// whose result was `output`, and that of the bias added before it.
    ReluBackward {
        /// In the shape of C.
        output: &'a [T],
        /// As long as a row of C.
        bias_grad: &'a mut [T],
    },
}

impl<T: Scalar> Epilogue<'_, T> {
    /// The same, for a part of the product.
    pub(super) fn reborrow(&mut self) -> Epilogue<'_, T> {
        match self {
            Self::Set => Epilogue::Set,
            Self::Add => Epilogue::Add,
            Self::BiasActivation { bias, activation } => {
                Epilogue::BiasActivation { bias, activation: *activation }
            }
            Self::ReluBackward { output, bias_grad } => Epilogue::ReluBackward { output, bias_grad },
        }
    }

    /// Applies the epilogue to one element of A B, in `column`.
    #[inline(always)]
    pub(super) fn finish(&self, c: &mut T, product: T, column: usize) {
        *c = match self {
            Self::Set => product,
            Self::Add => *c + product,
            // Tiles do this epilogue, so the product is one without multiplications, and zero.
            Self::ReluBackward { .. } => T::default(),
            Self::BiasActivation { bias, activation } => {
                let y = product + bias[column];
                if *activation == Activation::Relu && y < T::default() { T::default() } else { y }
            }
        };
    }
}

impl<T> From<Write> for Epilogue<'_, T> {
    fn from(write: Write) -> Self {
        match write {
            Write::Set => Self::Set,
            Write::Add => Self::Add,
        }
    }
}
