//! Numbers for people to read.

use super::bins::whole;

/// `x` with four significant digits.
pub(super) fn number(x: f64) -> String {
    typeset(&crate::text::number(x))
}

/// A number formatted for a terminal, typeset with a minus sign and a superscript exponent.
pub(super) fn typeset(number: &str) -> String {
    let (digits, power) = match number.split_once('e').map(|(digits, power)| (digits, power.parse())) {
        Some((digits, Ok(exponent))) => (digits, format!("×10{}", superscript(exponent))),
        _ => (number, String::new()),
    };
    format!("{}{power}", digits.replace('-', "\u{2212}"))
}

/// A mean with its standard deviation, both to the second digit of the latter; lines may break before the
/// sign only.
pub(super) fn plus_minus(mean: f64, std: f64) -> String {
    const MOST: f64 = 1e6;
    let decimals = 1. - std.log10().floor();
    if !(std > 0. && decimals <= 8. && mean.abs() < MOST && std < MOST) {
        return format!("{} ±\u{a0}{}", number(mean), number(std));
    }
    // Never "-0".
    let mean = if mean.abs() * 10f64.powf(decimals.max(0.)) < 0.5 { 0. } else { mean };
    let decimals = whole(decimals);
    typeset(&format!("{mean:.decimals$} ±\u{a0}{std:.decimals$}"))
}

/// A whole number with its thousands separated.
pub(super) fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.char_indices() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            // A narrow no-break space.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// So many things, which are called so in the singular and in the plural.
pub(super) fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// A duration in a fitting unit.
pub(super) fn duration(seconds: f64) -> String {
    let digits = |x: f64| -> String {
        let decimals = whole(2. - x.log10().floor());
        format!("{x:.decimals$}")
    };
    let rounded = seconds.round();
    match seconds {
        ..=0. => "0 s".to_owned(),
        ..1e-6 => format!("{} s", number(seconds)),
        ..0.9995 => format!("{} ms", digits(1e3 * seconds)),
        ..59.5 => format!("{} s", digits(seconds)),
        ..3599.5 => format!("{} min {} s", (rounded / 60.).floor(), rounded % 60.),
        _ => format!("{} h {} min", count(whole(rounded / 3600.)), (rounded % 3600. / 60.).floor()),
    }
}

/// The number in superscript digits.
pub(super) fn superscript(exponent: i32) -> String {
    let raised = |c| match c {
        '-' => '⁻',
        '0' => '⁰',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => char::from_u32('⁰' as u32 + digit as u32 - '0' as u32).unwrap_or(digit),
    };
    exponent.to_string().chars().map(raised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        for (x, text) in
            [(-0.5, "−0.5000"), (1.23e-5, "1.230×10⁻⁵"), (-1e300, "−1.000×10³⁰⁰"), (f64::INFINITY, "inf")]
        {
            assert_eq!(number(x), text);
        }
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn a_mean_has_the_digits_that_its_deviation_leaves() {
        for (mean, std, text) in [
            (56.112, 5.1984, "56.1 ± 5.2"),
            (3169.2, 585.4, "3169 ± 585"),
            (-0.018_71, 0.000_83, "−0.01871 ± 0.00083"),
            (-0.001, 0.5, "0.00 ± 0.50"),
            (3., 585.4, "3 ± 585"),
            (2., 0., "2.000 ± 0"),
            (1e300, 1e299, "1.000×10³⁰⁰ ± 1.000×10²⁹⁹"),
            (1., 1e-12, "1.000 ± 1.000×10⁻¹²"),
            (f64::INFINITY, f64::NAN, "inf ± NaN"),
        ] {
            assert_eq!(plus_minus(mean, std).replace('\u{a0}', " "), text);
        }
    }

    #[test]
    fn durations_have_a_fitting_unit() {
        for (seconds, text) in [
            (0., "0 s"),
            (0.000_348, "0.348 ms"),
            (0.584_4, "584 ms"),
            (1.234, "1.23 s"),
            (59.4, "59.4 s"),
            (75.4, "1 min 15 s"),
            (7260., "2 h 1 min"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}
