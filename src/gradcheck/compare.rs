//! Both sides of a Jacobian next to each other.

use candle_core::DType;

use super::point::rounded;
use super::probe::Probe;
use super::report::{Entry, Matrix, largest};

/// Whether `difference` passes; NaN never does.
pub(super) fn within(difference: f64, tolerance: f64) -> bool {
    difference <= tolerance
}

/// How far two sides may be apart: |n - a| <= atol + rtol |n|.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tolerance {
    pub(super) atol: f64,
    pub(super) rtol: f64,
}

impl Tolerance {
    /// The tolerance of a Jacobian seen along `rows` and `columns`.
    ///
    /// Along vectors u and v the component of a Jacobian that is wrong by atol everywhere is
    /// atol times the sums of |u| and |v| at most; the relative part scales by itself.
    pub(super) fn along(self, rows: &Probe, columns: &Probe) -> Self {
        Self { atol: self.atol * rows.weight() * columns.weight(), rtol: self.rtol }
    }

    /// What is tolerated at a numerical value.
    pub(super) fn at(self, numerical: f64) -> f64 {
        self.atol + self.rtol * numerical.abs()
    }

    /// By how much `sum` differs from a x + b y, if it does so in any element; NaN always does.
    ///
    /// What may be off is relative to the terms, which may cancel, and not to the sum. Where an element of `x` is itself
    /// a sum that cancels, it is off by what `dtype` rounds the largest to.
    pub(super) fn differ_from_sum(
        self,
        sum: &[f64],
        (a, x): (f64, &[f64]),
        (b, y): (f64, &[f64]),
        dtype: DType,
    ) -> Option<f64> {
        const ROUNDINGS: f64 = 8.0;
        let sizes = || x.iter().zip(y).map(|(x, y)| (a * x).abs().max((b * y).abs()));
        let rounding = ROUNDINGS * epsilon(dtype) * largest(sizes());
        let due = x.iter().zip(y).map(|(x, y)| rounded(a * x + b * y, dtype));
        let off = sum.iter().zip(due).map(|(&sum, due)| distance(sum, due));
        let agree = off.clone().zip(sizes()).all(|(off, size)| within(off, self.at(size) + rounding));
        (!agree).then(|| largest(off))
    }

    /// Whether `a` and `b` agree in all elements; NaN never does.
    pub(super) fn agree(self, a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || within((a - b).abs(), self.at(*b)))
    }
}

/// The distance from 1 to the next number of a float dtype.
pub(super) fn epsilon(dtype: DType) -> f64 {
    match dtype {
        DType::F32 => f64::from(f32::EPSILON),
        DType::F16 => half::f16::EPSILON.to_f64(),
        DType::BF16 => half::bf16::EPSILON.to_f64(),
        _ => f64::EPSILON,
    }
}

/// An output and an input, with what it takes to name an element of theirs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) output: usize,
    pub(super) input: usize,
    /// The shapes of output and input; `None` in fast mode, where an entry belongs to no element.
    pub(super) shapes: Option<(&'a [usize], &'a [usize])>,
}

impl Place<'_> {
    /// Entry (`row`, `column`) of the two Jacobians.
    pub(super) fn entry(
        &self,
        numerical: &Matrix,
        analytical: &Matrix,
        (row, column): (usize, usize),
        tolerance: Tolerance,
    ) -> Entry {
        let at = row * numerical.columns + column;
        let (n, a) = (numerical.data[at], analytical.data[at]);
        let absolute = distance(n, a);
        let index = |flat: usize, shape: Option<&[usize]>| shape.map_or_else(Vec::new, |s| unravel(flat, s));
        Entry {
            output: self.output,
            input: self.input,
            output_index: index(row, self.shapes.map(|(output, _)| output)),
            input_index: index(column, self.shapes.map(|(_, input)| input)),
            numerical: n,
            analytical: a,
            absolute,
            relative: if absolute == 0.0 { 0.0 } else { absolute / n.abs() },
            tolerance: tolerance.at(n),
        }
    }
}

/// What a look over all entries of two Jacobians finds; one of them may have millions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Survey {
    /// The entry that is furthest from agreement.
    pub(super) worst: Option<(usize, usize)>,
    /// The first entry that is finite numerically and not analytically.
    pub(super) broken: Option<(usize, usize)>,
    /// How many entries do not agree.
    pub(super) wrong: usize,
}

impl Survey {
    pub(super) fn of(numerical: &Matrix, analytical: &Matrix, tolerance: Tolerance) -> Self {
        let sides = || numerical.data.iter().copied().zip(analytical.data.iter().copied());
        let position = |at: usize| (at / numerical.columns, at % numerical.columns);
        let severities = sides().map(|(n, a)| severity(distance(n, a), tolerance.at(n))).enumerate();
        let worst = severities.max_by(|(_, a), (_, b)| a.total_cmp(b));
        Self {
            worst: worst.map(|(at, _)| position(at)),
            broken: sides().position(|(n, a)| n.is_finite() && !a.is_finite()).map(position),
            wrong: sides().filter(|&(n, a)| !within(distance(n, a), tolerance.at(n))).count(),
        }
    }
}

/// |a - b|, and 0 for equal infinities.
fn distance(a: f64, b: f64) -> f64 {
    if a == b { 0.0 } else { (a - b).abs() }
}

/// How far from agreement a difference is: above 1 it does not agree, NaN is furthest.
pub(super) fn severity(difference: f64, tolerance: f64) -> f64 {
    let severity = difference / tolerance;
    if severity.is_nan() && !within(difference, tolerance) { f64::INFINITY } else { severity }
}

/// The index of element number `flat` of a tensor of `shape` in row-major order.
pub(super) fn unravel(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut index: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&length| {
            let i = flat % length.max(1);
            flat /= length.max(1);
            i
        })
        .collect();
    index.reverse();
    index
}

#[cfg(test)]
mod tests {
    use super::unravel;

    #[test]
    fn indices_are_row_major() {
        assert_eq!(unravel(7, &[2, 3, 4]), [0, 1, 3]);
        assert_eq!(unravel(23, &[2, 3, 4]), [1, 2, 3]);
        assert_eq!(unravel(0, &[]), [0; 0]);
    }
}
