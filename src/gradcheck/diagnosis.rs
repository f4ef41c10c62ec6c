//! Likely causes of a wrong derivative.

use super::compare::JacobianPair;
use super::jacobian::Matrix;
use super::wording::Names;

/// The common mistake that explains the difference between the two Jacobians, if one does.
///
/// `numerical` has the Jacobians of the same output with respect to every input, and `column` is that of the
/// worst entry.
pub(super) fn diagnose_mismatch(
    jacobians: &JacobianPair,
    numerical: &[Matrix],
    column: usize,
    names: &Names,
) -> Option<String> {
    let (n, a) = (&jacobians.numerical, &jacobians.analytical);
    let agree = |expected: &[f64]| jacobians.tolerance.agree(&a.data, expected);
    let is = |f: &dyn Fn(f64) -> f64| agree(&n.map(f).data);
    if is(&|_| 0.0) {
        return Some("the gradient is zero everywhere".into());
    }
    if is(&|n| -n) {
        return Some("the sign is wrong".into());
    }
    for (other, matrix) in numerical.iter().enumerate() {
        if other != jacobians.input && agree(&matrix.data) {
            return Some(format!("this is the gradient of {}: operands swapped", names.input(other)));
        }
    }
    if let Some(hint) = diagnose_transposition(jacobians) {
        return Some(hint.into());
    }
    // The factor and the constant come from the largest entry and must then explain all others.
    let largest = (0..n.data.len()).max_by(|&i, &j| n.data[i].abs().total_cmp(&n.data[j].abs()))?;
    let (offset, factor) = (a.data[largest] - n.data[largest], a.data[largest] / n.data[largest]);
    if is(&|n| n * factor) {
        return Some(format!("off by a factor of {factor:.6}"));
    }
    if (0..n.rows).all(|row| n.get(row, column) == Some(0.0)) {
        return Some(
            "the function is locally constant there: the gradient of a straight-through estimator cannot be \
             checked by differences"
                .into(),
        );
    }
    if n.data.len() > 1 && is(&|n| n + offset) {
        return Some(format!("every entry is off by {offset:.6}"));
    }
    let ones = vec![1.0; n.rows];
    (n.rows > 1 && jacobians.tolerance.agree(&a.weighted_row_sum(&ones), &n.weighted_row_sum(&ones))).then(
        || "it is right for an upstream gradient of ones only: is grad_res used element by element?".into(),
    )
}

/// The transposition that explains the difference between the two Jacobians, if one does.
fn diagnose_transposition(jacobians: &JacobianPair) -> Option<&'static str> {
    let (n, a) = (&jacobians.numerical, &jacobians.analytical);
    let (output, input) = jacobians.shapes?;
    let identity = |length: usize| (0..length).collect::<Vec<_>>();
    let (rows, columns) = (transposition(output), transposition(input));
    let is = |rows: &[usize], columns: &[usize]| {
        let entries =
            rows.iter().flat_map(|&row| columns.iter().filter_map(move |&column| n.get(row, column)));
        jacobians.tolerance.agree(&a.data, &entries.collect::<Vec<_>>())
    };
    if columns.as_ref().is_some_and(|columns| is(&identity(n.rows), columns)) {
        return Some("the gradient is transposed in its last two axes");
    }
    if rows.as_ref().is_some_and(|rows| is(rows, &identity(n.columns))) {
        return Some("the upstream gradient is read as if it were transposed in its last two axes");
    }
    if rows.zip(columns).is_some_and(|(rows, columns)| is(&rows, &columns)) {
        return Some("this is the derivative at the transposed input");
    }
    let transposed = (0..n.columns).flat_map(|column| (0..n.rows).filter_map(move |row| n.get(row, column)));
    (n.rows == n.columns && jacobians.tolerance.agree(&a.data, &transposed.collect::<Vec<_>>()))
        .then_some("the upstream gradient is multiplied by the Jacobian instead of its transpose")
}

/// Where each element of a row-major tensor of `shape` comes from if its last two axes were transposed and
/// then taken for row-major; `None` if that changes nothing.
fn transposition(shape: &[usize]) -> Option<Vec<usize>> {
    let &[.., rows, columns] = shape else { return None };
    if rows < 2 || columns < 2 {
        return None;
    }
    let block = rows * columns;
    let source = |i: usize| i / block * block + i % block % rows * columns + i % block / rows;
    Some((0..shape.iter().product()).map(source).collect())
}

#[cfg(test)]
mod tests {
    use super::transposition;

    #[test]
    fn the_last_two_axes_are_transposed() {
        // [[0, 1, 2], [3, 4, 5]] is [[0, 3], [1, 4], [2, 5]] transposed.
        assert_eq!(transposition(&[2, 3]), Some(vec![0, 3, 1, 4, 2, 5]));
        assert_eq!(transposition(&[2, 2, 2]), Some(vec![0, 2, 1, 3, 4, 6, 5, 7]));
        assert_eq!([transposition(&[6]), transposition(&[1, 6]), transposition(&[])], [None, None, None]);
    }
}
