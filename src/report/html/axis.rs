//! The axes of plots.

use super::numbers::superscript;

mod calendar;

/// Maps numbers to fractions of its length, and labels some of them. It copes with numbers such as 1e300 or 1
/// + 1e-12.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    name: String,
    kind: Kind,
    /// The power of 10 by which numbers are divided, so that differences of the largest do not overflow.
    unit: f64,
    low: f64,
    high: f64,
    ticks: Vec<(f64, String)>,
}

/// The scale of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any numbers.
    Linear,
    /// Numbers from 0 on, and 0 itself.
    FromZero,
    /// Counts, with labels at whole numbers.
    Whole,
    /// Positive numbers, on a logarithmic scale.
    Log,
}

/// About how many ticks there are.
const TICKS: f64 = 5.;

impl Axis {
    /// The axis that fits the finite ones of `values`.
    pub(super) fn new(kind: Kind, name: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let finite = values.into_iter().filter(|value| value.is_finite());
        let range = finite.fold(None, |range, x| {
            let (low, high) = range.unwrap_or((x, x));
            Some((f64::min(low, x), f64::max(high, x)))
        });
        let (low, high) = range.unwrap_or((0., 1.));
        match kind {
            Kind::Log if low > 0. => Self::log(name, low, high),
            Kind::Log => Self::linear(Kind::Linear, name, low, high),
            _ => Self::linear(kind, name, low, high),
        }
    }

    /// A logarithmic axis if all values are positive and far apart, and a linear one otherwise.
    pub(super) fn log_if_wide(name: &str, values: impl IntoIterator<Item = f64> + Clone) -> Self {
        const WIDE: f64 = 20.;
        let finite = values.clone().into_iter().filter(|value| value.is_finite());
        let (low, high) =
            finite.fold((f64::MAX, 0f64), |(low, high), x| (f64::min(low, x), f64::max(high, x)));
        let kind = if low > 0. && high / WIDE > low { Kind::Log } else { Kind::Linear };
        Self::new(kind, name, values)
    }

    /// An axis of things with names, which are at 0, 1, ....
    pub(super) fn named(name: &str, names: impl IntoIterator<Item = String>) -> Self {
        let names: Vec<_> = names.into_iter().collect();
        let count = names.len().max(1) as f64;
        let ticks = names.into_iter().enumerate().map(|(i, label)| ((i as f64 + 0.5) / count, label));
        let (low, high, ticks) = (-0.5, count - 0.5, ticks.collect());
        Self { name: name.to_owned(), kind: Kind::Linear, unit: 1., low, high, ticks }
    }

    /// An axis of dates in days since 1970-01-01.
    pub(super) fn dates(name: &str, days: impl IntoIterator<Item = f64> + Clone) -> Self {
        let finite = days.clone().into_iter().filter(|day| day.is_finite());
        // Hours would be lost beside the days since 1970.
        let first = finite.fold(f64::INFINITY, f64::min).floor();
        let axis = Self::new(Kind::Linear, name, days.into_iter().map(|day| day - first));
        let first = if first.is_finite() { first } else { 0. };
        let [low, high] = [axis.low, axis.high].map(|days| days * axis.unit + first);
        let (name, ticks) = calendar::ticks(name, low, high);
        let ticks = ticks.into_iter().map(|(day, label)| ((day - low) / (high - low), label)).collect();
        Self { name, kind: Kind::Linear, unit: 1., low, high, ticks }
    }

    fn linear(kind: Kind, name: &str, low: f64, high: f64) -> Self {
        // Near the smallest normal float steps would have no digits left.
        let [low, high] = [low, high].map(|x| if x.abs() < 1e-305 { 0. } else { x });
        let exponent = exponent_of(low.abs().max(high.abs()));
        let unit = 10f64.powi(exponent);
        let (low, high) = (low / unit, high / unit);
        let low = if kind == Kind::FromZero { low.min(0.) } else { low };
        let (low, high) = widened(kind, low, high);
        let (step, decimals) = step(kind, (high - low) / TICKS);
        let first = (low / step).ceil() as i64;
        let last = (high / step).floor() as i64;
        let place = |i: i64| (i as f64 * step - low) / (high - low);
        let label = |i: i64| format!("{:.decimals$}", i as f64 * step).replace('-', "\u{2212}");
        let ticks = (first..=last).map(|i| (place(i), label(i))).collect();
        let name =
            if exponent == 0 { name.to_owned() } else { format!("{name} (×10{})", superscript(exponent)) };
        Self { name, kind, unit, low, high, ticks }
    }

    fn log(name: &str, low: f64, high: f64) -> Self {
        let (low, high) = (low.log10(), high.log10());
        let pad = ((high - low) * 0.04).max(if high - low < 0.5 { 0.25 } else { 0. });
        let (low, high) = (low - pad, high + pad);
        let decades = (low.floor() as i32)..=(high.floor() as i32);
        let (stride, _) = step(Kind::Whole, (high - low) / 6.);
        let stride = stride as i32;
        let multiples: &[u32] = if high - low < 3. { &[1, 2, 5] } else { &[1] };
        let ticks = decades.filter(|decade| decade % stride == 0).flat_map(|decade| {
            let tick = move |m: &u32| (f64::from(decade) + f64::from(*m).log10(), power(*m, decade));
            multiples.iter().map(tick)
        });
        let inside = ticks.filter(|(at, _)| (low..=high).contains(at));
        let ticks = inside.map(|(at, label)| ((at - low) / (high - low), label)).collect();
        Self { name: format!("{name}, log scale"), kind: Kind::Log, unit: 1., low, high, ticks }
    }

    /// The name of the axis, with its unit.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The ticks: their fractions of the length, and their labels.
    pub(super) fn ticks(&self) -> &[(f64, String)] {
        &self.ticks
    }

    /// The fraction of the length at which `x` is, clamped to the axis.
    pub(super) fn place(&self, x: f64) -> f64 {
        let x = if self.kind == Kind::Log { x.log10() } else { x / self.unit };
        ((x - self.low) / (self.high - self.low)).clamp(0., 1.)
    }
}

/// The power of 10 by which numbers up to `largest` are divided; 0 if they are readable as they are.
fn exponent_of(largest: f64) -> i32 {
    let exponent = largest.log10().floor();
    if largest == 0. || (-3. ..6.).contains(&exponent) { 0 } else { exponent as i32 }
}

/// The range with a margin at both ends, and wide enough to be divided.
fn widened(kind: Kind, low: f64, high: f64) -> (f64, f64) {
    // Values closer than that are shown as equal, since their ticks would be too long to read.
    const LEAST: f64 = 1e-6;
    let span = high - low;
    let largest = low.abs().max(high.abs());
    if span <= LEAST * largest || span == 0. {
        let half = match kind {
            Kind::Whole => 0.6,
            _ if largest == 0. => 1.,
            _ => largest / 2.,
        };
        let low = if kind == Kind::FromZero { 0. } else { low - half };
        return (low, high + half);
    }
    match kind {
        Kind::FromZero => (if low < 0. { low - span * 0.05 } else { 0. }, high + span * 0.05),
        Kind::Whole if span < 12. => (low - 0.4, high + 0.4),
        _ => (low - span * 0.04, high + span * 0.04),
    }
}

/// The distance of ticks, a round number of at least `least`, and how many decimals they have.
fn step(kind: Kind, least: f64) -> (f64, usize) {
    let least = if kind == Kind::Whole { least.max(1.) } else { least };
    let exponent = least.log10().floor() as i32;
    let power = 10f64.powi(exponent);
    let factor = [1., 2., 5., 10.].into_iter().find(|factor| factor * power >= least * 0.999).unwrap_or(10.);
    let decimals = if factor == 10. { -exponent - 1 } else { -exponent };
    (factor * power, usize::try_from(decimals).unwrap_or(0))
}

/// The text of `m` times 10 to the `exponent`.
fn power(m: u32, exponent: i32) -> String {
    match (m, exponent) {
        (_, 0..5) => format!("{}", f64::from(m) * 10f64.powi(exponent)),
        (_, -4..0) => format!("{:.*}", exponent.unsigned_abs() as usize, f64::from(m) * 10f64.powi(exponent)),
        (1, _) => format!("10{}", superscript(exponent)),
        _ => format!("{m}×10{}", superscript(exponent)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(kind: Kind, values: &[f64]) -> String {
        let axis = Axis::new(kind, "", values.iter().copied());
        let labels: Vec<_> = axis.ticks().iter().map(|(_, label)| label.as_str()).collect();
        format!("{}: {}", axis.name(), labels.join(" "))
    }

    #[test]
    fn ticks_are_round() {
        for (kind, values, expected) in [
            (Kind::Linear, &[0., 10.][..], ": 0 5 10"),
            (Kind::Linear, &[-0.31, 0.42], ": −0.2 0.0 0.2 0.4"),
            (Kind::Linear, &[25., 346.], ": 100 200 300"),
            (Kind::Linear, &[], ": 0.0 0.5 1.0"),
            (Kind::FromZero, &[3.], ": 0 1 2 3"),
            (Kind::FromZero, &[0.], ": 0.0 0.2 0.4 0.6 0.8 1.0"),
            (Kind::Whole, &[1., 4.], ": 1 2 3 4"),
            (Kind::Whole, &[1.], ": 1"),
            (Kind::Whole, &[1., 25.], ": 10 20"),
            (Kind::Linear, &[1e300, 3e300], " (×10³⁰⁰): 1.0 1.5 2.0 2.5 3.0"),
            (Kind::Linear, &[-f64::MAX, f64::MAX], " (×10³⁰⁸): −1 0 1"),
            (Kind::Linear, &[1e-300, 2e-300], " (×10⁻³⁰⁰): 1.0 1.5 2.0"),
            (Kind::Log, &[0.01, 100.], ", log scale: 0.01 0.1 1 10 100"),
            (Kind::Log, &[3., 70.], ", log scale: 5 10 20 50"),
            (Kind::Log, &[1e-300, 1e300], ", log scale: 10⁻²⁰⁰ 1 10²⁰⁰"),
            (Kind::Log, &[2e6, 9e6], ", log scale: 2×10⁶ 5×10⁶"),
        ] {
            assert_eq!(labels(kind, values), expected);
        }
    }

    #[test]
    fn names_are_at_whole_numbers() {
        let axis = Axis::named("", ["a", "b"].map(str::to_owned));
        assert_eq!(axis.ticks(), [(0.25, "a".to_owned()), (0.75, "b".to_owned())]);
        assert_eq!([-0.5, 0., 1., 1.5].map(|x| axis.place(x)), [0., 0.25, 0.75, 1.]);
    }

    #[test]
    fn dates_have_ticks_where_years_months_days_and_hours_begin() {
        let labels = |name: &str, first: f64, days: f64| {
            let axis = Axis::dates(name, [first, first + days]);
            let labels: Vec<_> = axis.ticks().iter().map(|(_, label)| label.as_str()).collect();
            assert!(axis.ticks().iter().all(|(place, _)| (0.0..=1.).contains(place)), "{axis:?}");
            format!("{}: {}", axis.name(), labels.join(" "))
        };
        // Day 19,753 is 2024-01-31.
        for (days, expected) in [
            (36_525., "sold: 2040 2060 2080 2100 2120"),
            (4000., "sold: 2024 2026 2028 2030 2032 2034"),
            (700., "sold: 2024-07 2025-01 2025-07 2026-01"),
            (130., "sold: 2024-02 2024-03 2024-04 2024-05 2024-06"),
            (30., "sold: 2024-02-07 2024-02-17 2024-02-27"),
            (2., "sold: 2024-01-31 2024-02-01 2024-02-02"),
            (0.6, "sold, from 2024-01-31: 00:00 03:00 06:00 09:00 12:00"),
            (0.01, "sold, from 2024-01-31: 00:00 00:05 00:10"),
        ] {
            assert_eq!(labels("sold", 19_753., days), expected);
        }
        // 0001-01-01 to 9999-12-31, and a single day.
        assert_eq!(labels("d", -719_162., 3_652_058.), "d: 0 2000 4000 6000 8000 10000");
        assert!(!labels("d", 19_753., 0.).ends_with(": "));
    }

    #[test]
    fn every_value_has_a_place_and_every_axis_ticks() {
        let values = [0., 5e-324, 1e-310, 1e-300, 1e-7, 1., 1. + 1e-15, 1e9, 1e9 + 1., 1e300, f64::MAX];
        for kind in [Kind::Linear, Kind::FromZero, Kind::Whole, Kind::Log] {
            for a in values {
                for b in values.into_iter().flat_map(|b| [b, -b]) {
                    let axis = Axis::new(kind, "", [a, b, f64::NAN, f64::INFINITY]);
                    let places = [axis.place(a.min(b)), axis.place(a.max(b))];
                    assert!(places[0] <= places[1] && (0.0..=1.).contains(&places[0]), "{a} {b}: {places:?}");
                    let ticks = axis.ticks();
                    assert!((1..=12).contains(&ticks.len()), "{kind:?} {a} {b}: {ticks:?}");
                    let right = |(place, label): &(f64, String)| {
                        (-1e-9..=1. + 1e-9).contains(place) && label.chars().count() <= 10
                    };
                    assert!(ticks.iter().all(right), "{kind:?} {a} {b}: {ticks:?}");
                }
            }
        }
    }
}
