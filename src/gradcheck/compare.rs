//! Tolerances, and the comparison of the numerical and the analytical Jacobian.

use candle_core::DType;

use super::dtype::{epsilon, rounded};
use super::jacobian::{Entry, Matrix, distance, max_abs, severity, unravel, within};

/// How far the two derivatives may be apart: |n - a| <= atol + rtol |n|.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tolerance {
    pub(super) atol: f64,
    pub(super) rtol: f64,
}

impl Tolerance {
    /// The same tolerance with more room for noise.
    pub(super) fn loosened(self, noise: f64) -> Self {
        Self { atol: self.atol + noise, ..self }
    }

    /// The largest difference that passes at a numerical derivative.
    pub(super) fn at(self, numerical: f64) -> f64 {
        self.atol + self.rtol * numerical.abs()
    }

    /// Whether `a` and `b` agree in all elements; NaN never does.
    pub(super) fn agree(self, a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || within((a - b).abs(), self.at(*b)))
    }

    /// The largest deviation of `sum` from a x + b y, if any element deviates too much; NaN always does.
    ///
    /// The tolerance is relative to the terms, which may cancel, and not to their sum. An element of `x` may
    /// itself be a sum that cancels, hence the allowance for rounding the largest term to `dtype`.
    pub(super) fn deviation_from_linear(
        self,
        sum: &[f64],
        (a, x): (f64, &[f64]),
        (b, y): (f64, &[f64]),
        dtype: DType,
    ) -> Option<f64> {
        const ROUNDINGS: f64 = 8.0;
        let terms = || x.iter().zip(y).map(|(x, y)| (a * x).abs().max((b * y).abs()));
        let rounding = ROUNDINGS * epsilon(dtype) * max_abs(terms());
        let expected = x.iter().zip(y).map(|(x, y)| rounded(a * x + b * y, dtype));
        let deviations = sum.iter().zip(expected).map(|(&sum, expected)| distance(sum, expected));
        let agree = deviations
            .clone()
            .zip(terms())
            .all(|(deviation, term)| within(deviation, self.at(term) + rounding));
        (!agree).then(|| max_abs(deviations))
    }
}

/// The Jacobian of one output with respect to one input, by both methods.
#[derive(Debug, Clone)]
pub(super) struct JacobianPair<'a> {
    pub(super) output: usize,
    pub(super) input: usize,
    /// The shapes of output and input; `None` in fast mode, where an entry is a projection.
    pub(super) shapes: Option<(&'a [usize], &'a [usize])>,
    pub(super) numerical: Matrix,
    pub(super) analytical: Matrix,
    pub(super) tolerance: Tolerance,
}

impl JacobianPair<'_> {
    /// Whether the entries are random projections, which no element of output or input can be named for.
    pub(super) fn is_projected(&self) -> bool {
        self.shapes.is_none()
    }

    /// Entry (`row`, `column`) of both Jacobians.
    pub(super) fn entry(&self, (row, column): (usize, usize)) -> Entry {
        let index = row * self.numerical.columns + column;
        let (numerical, analytical) = (self.numerical.data[index], self.analytical.data[index]);
        let absolute = distance(numerical, analytical);
        let (output_index, input_index) = self
            .shapes
            .map_or_else(Default::default, |(output, input)| (unravel(row, output), unravel(column, input)));
        Entry {
            output: self.output,
            input: self.input,
            output_index,
            input_index,
            numerical,
            analytical,
            absolute,
            relative: if absolute == 0.0 { 0.0 } else { absolute / numerical.abs() },
            tolerance: self.tolerance.at(numerical),
        }
    }

    /// Compares all entries, of which there may be millions.
    pub(super) fn compare(&self) -> Comparison {
        let entries = || self.numerical.data.iter().copied().zip(self.analytical.data.iter().copied());
        let position = |index| self.numerical.position(index);
        let severities = entries().map(|(n, a)| severity(distance(n, a), self.tolerance.at(n))).enumerate();
        let worst = severities.max_by(|(_, a), (_, b)| a.total_cmp(b));
        Comparison {
            worst: worst.map(|(index, _)| position(index)),
            non_finite: entries().position(|(n, a)| n.is_finite() && !a.is_finite()).map(position),
            disagreeing: entries().filter(|&(n, a)| !within(distance(n, a), self.tolerance.at(n))).count(),
        }
    }
}

/// The result of comparing all entries of two Jacobians.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparison {
    /// The entry that is furthest from agreement.
    pub(super) worst: Option<(usize, usize)>,
    /// The first entry that is finite numerically but not analytically.
    pub(super) non_finite: Option<(usize, usize)>,
    /// The number of entries that do not agree.
    pub(super) disagreeing: usize,
}
