//! Several tests at once.

/// The p-values of a family of tests, adjusted so that together they reject a true hypothesis with at most
/// the probability of one (Holm 1979, "A simple sequentially rejective multiple test procedure"):
/// statsmodels' `multipletests(p, method="holm")`.
///
/// The smallest of m is multiplied by m, the next by m - 1, and so on; none is below the one before it, or
/// above 1.
///
/// # Examples
///
/// ```
/// assert_eq!(taper::statistics::holm(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
/// ```
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<_> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![0.; p.len()];
    let mut largest = 0f64;
    for (before, &i) in order.iter().enumerate() {
        largest = largest.max((p.len() - before) as f64 * p[i]).min(1.);
        adjusted[i] = largest;
    }
    adjusted
}
