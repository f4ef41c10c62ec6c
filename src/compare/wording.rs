//! Differences and probabilities in words.

use crate::text::significant;

/// A ratio as a change in words, such as "7.6 % less".
pub(crate) fn change(ratio: f64) -> String {
    let size = percent((ratio - 1.).abs());
    match (size.as_str(), ratio < 1.) {
        ("0.00", _) => "0.00 %".to_owned(),
        (size, true) => format!("{size} % less"),
        (size, false) => format!("{size} % more"),
    }
}

/// The ends of the interval of a ratio as changes, the smaller first.
pub(crate) fn interval([low, high]: [f64; 2]) -> String {
    match (low <= 1., high <= 1.) {
        (true, true) => format!("{} to {}", percent(1. - high), percent(1. - low)),
        (false, false) => format!("{} to {}", percent(low - 1.), percent(high - 1.)),
        _ => format!("{} to {}", change(low), change(high)),
    }
}

/// A share in percent, without the sign.
pub(crate) fn percent(share: f64) -> String {
    let percent = 100. * share;
    match percent.abs() {
        0.95..999.5 => format!("{percent:.1}"),
        999.5.. => significant(percent, 3),
        _ => format!("{percent:.2}"),
    }
}

/// A share that somebody has chosen in percent, such as 1 or 95.
pub(crate) fn round_percent(share: f64) -> String {
    let percent = significant(100. * share, 4);
    if percent.contains(['.']) {
        percent.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        percent
    }
}

/// A ratio as a change in percent with its sign.
pub(crate) fn signed(ratio: f64) -> String {
    format!("{}{}", if ratio < 1. { '-' } else { '+' }, percent((ratio - 1.).abs()))
}

/// A probability, which is never said to be certain.
pub(crate) fn probability(p: f64) -> String {
    match p {
        0.9995.. => "above 0.999".to_owned(),
        ..0.0005 => "below 0.001".to_owned(),
        0.995.. | ..0.005 => format!("{p:.3}"),
        _ => format!("{p:.2}"),
    }
}

/// A p-value.
pub(crate) fn p_value(p: f64) -> String {
    if p < 1e-4 { "below 0.0001".to_owned() } else { significant(p, 2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read_in_percent() {
        assert_eq!((change(0.924), change(1.002)), ("7.6 % less".to_owned(), "0.20 % more".to_owned()));
        assert_eq!(interval([0.918, 0.931]), "6.9 to 8.2");
        assert_eq!(interval([1.01, 1.2]), "1.0 to 20.0");
        assert_eq!(interval([0.97, 1.014]), "3.0 % less to 1.4 % more");
        assert_eq!(
            (percent(0.), percent(25.), percent(0.009)),
            ("0.00".to_owned(), "2500".to_owned(), "0.90".to_owned())
        );
        for (p, text) in
            [(1., "above 0.999"), (0.9971, "0.997"), (0.5, "0.50"), (0.001, "0.001"), (0., "below 0.001")]
        {
            assert_eq!(probability(p), text);
        }
        assert_eq!([0.01, 0.95, 0.005, 0., 0.9999].map(round_percent), ["1", "95", "0.5", "0", "99.99"]);
        assert_eq!((p_value(0.0312), p_value(1e-9)), ("0.031".to_owned(), "below 0.0001".to_owned()));
    }
}
