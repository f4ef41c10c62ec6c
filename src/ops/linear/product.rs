//! The product of small matrices, with a bias and a relu on the way out.
//!
//! A tile of rows by columns of the result stays in registers while one row of B after the other is multiplied into it, so
//! nothing is packed: the matrices of a small network lie in the nearest caches anyway. Large products, for which that
//! does not hold, go to the `gemm` crate.

use crate::ops::simd::{self, Lanes, Simd, WithSimd};

/// From how many multiplications on packing is worth its time.
const LARGE: usize = 1 << 21;

/// A matrix of any strides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

/// What becomes of the product A B.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome<'a, T> {
    /// C <- A B.
    Set,
    /// C <- C + A B.
    Accumulate,
    /// C <- A B + bias in each row, and then relu if `relu`.
    Layer { bias: &'a [T], relu: bool },
}

/// A is (m, k) of any strides; B (k, n) and C (m, n) are row-major.
struct Product<'a, T> {
    sizes: [usize; 3],
    a: Matrix<'a, T>,
    b: &'a [T],
    c: &'a mut [T],
    outcome: Outcome<'a, T>,
}

/// C <- A B, as `outcome` says, for A (m, k) of any strides and row-major B (k, n) and C (m, n).
///
/// # Panics
///
/// When a slice is shorter than its matrix.
pub(crate) fn product<T: Lanes>(
    [m, n, k]: [usize; 3],
    a: Matrix<T>,
    b: &[T],
    c: &mut [T],
    outcome: Outcome<T>,
) {
    let (b, c) = (&b[..k * n], &mut c[..m * n]);
    if m * n * k >= LARGE {
        return large([m, n, k], a, b, c, outcome);
    }
    simd::run(Product { sizes: [m, n, k], a, b, c, outcome });
}

impl<T: Lanes> WithSimd for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let [m, n, k] = self.sizes;
        if k == 0 || m == 0 {
            return self.without_products();
        }
        if n == 1 && self.a.column_stride == 1 && k >= T::count::<S>() {
            return self.column(simd);
        }
        // As many tiles of two vectors as there are registers for, with two for a row of B and one for A.
        if S::REGISTER_COUNT >= 32 { self.tiles::<S, 8>(simd) } else { self.tiles::<S, 6>(simd) }
    }
}

impl<T: Lanes> Product<'_, T> {
    /// All tiles, of `ROWS` rows by two vectors of columns, and what remains at the right and at the bottom.
    #[inline(always)]
    fn tiles<S: Simd, const ROWS: usize>(&mut self, simd: S) {
        let [_, n, _] = self.sizes;
        let lanes = T::count::<S>();
        let mut column = 0;
        while column + 2 * lanes <= n {
            self.columns::<S, ROWS, 2, true>(simd, column, 2 * lanes);
            column += 2 * lanes;
        }
        while column + lanes <= n {
            self.columns::<S, ROWS, 1, true>(simd, column, lanes);
            column += lanes;
        }
        if column < n {
            self.columns::<S, ROWS, 1, false>(simd, column, n - column);
        }
    }

    /// The tiles of `width` columns from `column` on.
    #[inline(always)]
    fn columns<S: Simd, const ROWS: usize, const VECTORS: usize, const FULL: bool>(
        &mut self,
        simd: S,
        column: usize,
        width: usize,
    ) {
        let [m, ..] = self.sizes;
        let mut row = 0;
        while row + ROWS <= m {
            self.tile::<S, ROWS, VECTORS, FULL>(simd, row, column, width);
            row += ROWS;
        }
        while row < m {
            self.tile::<S, 1, VECTORS, FULL>(simd, row, column, width);
            row += 1;
        }
    }

    /// A tile of `ROWS` rows from `row` on by `width` columns from `column` on, which are `VECTORS` vectors, or a part of
    /// one if not `FULL`.
    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const VECTORS: usize, const FULL: bool>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
        width: usize,
    ) {
        let [_, n, k] = self.sizes;
        let lanes = T::count::<S>();
        let load = |x: &[T]| -> [T::Vector<S>; VECTORS] {
            let x = &x[column..column + width];
            std::array::from_fn(|v| if FULL { T::load(simd, &x[v * lanes..]) } else { T::load_part(simd, x) })
        };
        let start = match self.outcome {
            Outcome::Layer { bias, .. } => load(bias),
            _ => [T::splat(simd, T::default()); VECTORS],
        };
        let mut sums = [start; ROWS];
        if matches!(self.outcome, Outcome::Accumulate) {
            for (r, sums) in sums.iter_mut().enumerate() {
                *sums = load(&self.c[(row + r) * n..][..n]);
            }
        }
        let Matrix { data, row_stride, column_stride } = self.a;
        let a: [&[T]; ROWS] =
            std::array::from_fn(|r| &data[(row + r) * row_stride..][..=(k - 1) * column_stride]);
        for (p, b) in self.b.chunks_exact(n).enumerate() {
            let b = load(b);
            for (a, sums) in a.iter().zip(&mut sums) {
                let a = T::splat(simd, a[p * column_stride]);
                for (b, sum) in b.iter().zip(sums) {
                    *sum = T::mul_add(simd, a, *b, *sum);
                }
            }
        }
        let relu = matches!(self.outcome, Outcome::Layer { relu: true, .. });
        for (r, sums) in sums.into_iter().enumerate() {
            let c = &mut self.c[(row + r) * n + column..][..width];
            for (v, sum) in sums.into_iter().enumerate() {
                let sum = if relu { T::relu(simd, sum) } else { sum };
                if FULL {
                    T::store(simd, &mut c[v * lanes..], sum);
                } else {
                    T::store_part(simd, c, sum);
                }
            }
        }
    }

    /// The product with a single column: each row of A, which is contiguous, times B.
    #[inline(always)]
    fn column<S: Simd>(&mut self, simd: S) {
        let [.., k] = self.sizes;
        let lanes = T::count::<S>();
        let whole = k - k % lanes;
        for (row, c) in self.c.iter_mut().enumerate() {
            let a = &self.a.data[row * self.a.row_stride..][..k];
            let mut sum = T::mul_add(
                simd,
                T::load_part(simd, &a[whole..]),
                T::load_part(simd, &self.b[whole..]),
                T::splat(simd, T::default()),
            );
            for (a, b) in a[..whole].chunks_exact(lanes).zip(self.b.chunks_exact(lanes)) {
                sum = T::mul_add(simd, T::load(simd, a), T::load(simd, b), sum);
            }
            finish(c, T::sum(simd, sum), self.outcome, 0);
        }
    }

    /// The outcome when A B is zero everywhere or has no elements.
    fn without_products(&mut self) {
        let [_, n, _] = self.sizes;
        for (i, c) in self.c.iter_mut().enumerate() {
            finish(c, T::default(), self.outcome, i % n);
        }
    }
}

/// An element of C in `column`, from that of A B.
#[inline(always)]
fn finish<T: Lanes>(c: &mut T, product: T, outcome: Outcome<T>, column: usize) {
    *c = match outcome {
        Outcome::Set => product,
        Outcome::Accumulate => *c + product,
        Outcome::Layer { bias, relu } => {
            let y = product + bias[column];
            if relu && y < T::default() { T::default() } else { y }
        }
    };
}

/// [`product`] by the `gemm` crate, on the threads of rayon's pool.
#[allow(unsafe_code)]
fn large<T: Lanes>([m, n, k]: [usize; 3], a: Matrix<T>, b: &[T], c: &mut [T], outcome: Outcome<T>) {
    let one = T::from_f64(1.);
    let accumulate = matches!(outcome, Outcome::Accumulate);
    // Reads the last element of A, so that a matrix too short for the product panics here.
    let _ = a.data[(m - 1) * a.row_stride + (k - 1) * a.column_stride];
    // SAFETY: B and C are slices of k n and m n elements, and the last element of A is inside of its slice.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n.cast_signed(),
            accumulate,
            a.data.as_ptr(),
            a.column_stride.cast_signed(),
            a.row_stride.cast_signed(),
            b.as_ptr(),
            1,
            n.cast_signed(),
            one,
            one,
            false,
            false,
            false,
            gemm::Parallelism::Rayon(0),
        );
    }
    if let Outcome::Layer { .. } = outcome {
        for row in c.chunks_exact_mut(n) {
            for (column, c) in row.iter_mut().enumerate() {
                finish(c, *c, outcome, column);
            }
        }
    }
}
