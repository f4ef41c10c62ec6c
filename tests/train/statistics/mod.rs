//! Tests of differences against baycomp, scipy, mlxtend, scikit-posthocs, autorank and statsmodels.

mod bootstrap;
mod null_studies;
mod refused;

use serde_json::Value;
use taper::statistics::{
    FiveByTwo, Friedman, Resampled, Test, critical_difference, five_by_two, friedman, holm, least_sets,
    mean_ranks, range_distribution, range_quantile, wilcoxon,
};

use crate::reference::{array, number, numbers, reference};

/// The largest difference so far from what is expected, relative to numbers above 1.
#[derive(Default)]
pub(crate) struct Largest(f64);

impl Largest {
    /// Holds a number against the reference, up to 1e-8.
    pub(crate) fn hold(&mut self, what: &str, found: f64, expected: f64) {
        self.within(1e-8, what, found, expected);
    }

    fn within(&mut self, most: f64, what: &str, found: f64, expected: f64) {
        let difference = (found - expected).abs() / expected.abs().max(1.);
        assert!(difference <= most, "{what}: {found}, expected {expected}, difference {difference:e}");
        self.0 = self.0.max(difference);
    }

    /// Holds a p-value, which is to be right relative to itself where it is small.
    pub(crate) fn hold_p(&mut self, what: &str, found: f64, expected: f64) {
        self.hold(what, found, expected);
        let relative = (found / expected - 1.).abs();
        assert!(relative <= 1e-7 || expected < 1e-250, "{what}: {found:e}, expected {expected:e}");
    }

    pub(crate) fn hold_test(&mut self, what: &str, found: Test, [statistic, p]: [&Value; 2]) {
        self.hold(what, found.statistic, number(statistic));
        self.hold_p(what, found.p, number(p));
    }

    pub(crate) fn print(self) {
        println!("largest difference {:e}", self.0);
    }
}

#[test]
fn differences_in_folds_are_tested_as_by_baycomp_and_scipy() {
    let reference = reference("compared.json");
    let mut largest = Largest::default();
    for case in array(&reference["resampled"]) {
        let differences = numbers(&case["differences"]);
        let of = |name: &str| number(&case[name]);
        let found = Resampled::new(&differences, 1. / (of("folds") - 1.)).unwrap();
        let test = found.t_test();
        let plain = Resampled::new(&differences, 0.).unwrap().t_test();
        for (what, found, expected) in [
            ("mean", found.mean, of("mean")),
            ("standard error", found.standard_error(), of("standard_error")),
            ("t", test.statistic, of("t")),
            ("plain t", plain.statistic, of("plain_t")),
        ] {
            largest.hold(what, found, expected);
        }
        largest.hold_p("p", test.p, of("p"));
        largest.hold_p("plain p", plain.p, of("plain_p"));
        for (end, expected) in found.interval(0.95).into_iter().zip(numbers(&case["interval"])) {
            largest.hold("interval", end, expected);
        }
        let posterior = found.posterior(of("rope"));
        let [below, within, above] = numbers(&case["posterior"]).try_into().unwrap();
        for (found, expected) in
            [(posterior.below, below), (posterior.within, within), (posterior.above, above)]
        {
            largest.hold("posterior", found, expected);
        }
    }
    largest.print();
}

/// baycomp of two methods on two of its data sets, ten repetitions of ten folds, of which only the mean and
/// the deviation matter: the published ones are of scipy 1.17.1 and baycomp 1.0.3.
#[test]
fn published_comparisons_are_met() {
    let of = |mean, std| Resampled { mean, std, count: 100, test_per_train: 1. / 9. };
    let mut largest = Largest::default();
    let squash = of(0.4, 2.814_105_882_7);
    let anneal = of(1.938_82, 1.582_702_703);
    let sign = squash.posterior(0.);
    let posterior = squash.posterior(1.);
    let annealed = anneal.posterior(1.);
    for (found, expected) in [
        (squash.t_test().statistic, 0.408_439_337_5),
        (squash.t_test().p, 0.683_833_256_1),
        (sign.below, 0.341_916_628_1),
        (sign.above, 0.658_083_371_9),
        (posterior.below, 0.077_998_930_5),
        (posterior.within, 0.651_247_764_7),
        (posterior.above, 0.270_753_304_8),
        (anneal.t_test().statistic, 3.520_028_281),
        (anneal.t_test().p, 6.538_150_098e-4),
        (annealed.below, 3.0211e-7),
        (annealed.within, 0.045_714_032_9),
        (annealed.above, 0.954_285_665),
    ] {
        largest.within(1e-9, "", found, expected);
    }
    largest.print();
}

/// The smallest detectable differences in units of the standard deviation, by folds and repetitions, and a
/// simulation of the power.
#[test]
fn the_detectable_difference_is_what_its_formula_says() {
    for (folds, repeats, expected) in [
        (5u32, 1, 1.86),
        (5, 3, 1.21),
        (5, 5, 1.11),
        (5, 10, 1.04),
        (5, 25, 1.005),
        (10, 1, 1.04),
        (10, 3, 0.777),
        (10, 5, 0.728),
        (10, 10, 0.691),
        (10, 25, 0.668),
    ] {
        let count = (folds * repeats) as usize;
        let of = Resampled { mean: 0., std: 1., count, test_per_train: 1. / f64::from(folds - 1) };
        let half = of.detectable(0.95, 0.5);
        println!("{folds} folds, {repeats} repetitions: {half}");
        assert!((half - expected).abs() <= 0.0051, "{half}, expected {expected}");
        assert!(of.detectable(0.95, 0.8) > half && of.detectable(0.95, 0.2) < half);
        // A mean of just that has a p-value of just 0.05.
        let at = Resampled { mean: half, ..of };
        assert!((at.t_test().p - 0.05).abs() <= 1e-9, "{}", at.t_test().p);
    }
}

#[test]
fn five_repetitions_of_two_folds_are_tested_as_by_mlxtend() {
    let mut largest = Largest::default();
    for case in array(&reference("compared.json")["five_by_two"]) {
        let pairs = array(&case["differences"]).iter().map(|pair| numbers(pair).try_into().unwrap());
        let FiveByTwo { t, f } = five_by_two(&pairs.collect::<Vec<_>>().try_into().unwrap()).unwrap();
        largest.hold_test("t", t, [&case["t"], &case["t_p"]]);
        largest.hold_test("F", f, [&case["f"], &case["f_p"]]);
    }
    largest.print();
}

#[test]
fn signed_ranks_are_scipys() {
    let mut largest = Largest::default();
    for case in array(&reference("compared.json")["wilcoxon"]) {
        let about = case["about"].as_str().unwrap();
        let differences = numbers(&case["differences"]);
        let found = wilcoxon(&differences).unwrap();
        largest.hold(about, found.statistic, number(&case["statistic"]));
        largest.hold_p(about, found.p, number(&case["p"]));
        assert_eq!(found.is_exact, !about.starts_with("eighty"), "{about}");
        let opposite: Vec<_> = differences.iter().map(|difference| -difference).collect();
        assert_eq!(wilcoxon(&opposite).unwrap(), found, "{about}");
    }
    largest.print();
    let zeros = wilcoxon(&[0.; 7]).unwrap();
    assert_eq!((zeros.p, zeros.count), (1., 0));
}

/// One set fewer, and even differences of one sign are not enough.
#[test]
fn the_least_number_of_sets_is_the_first_that_can_reject() {
    for comparisons in [1, 2, 3, 10, 15, 100] {
        let sets = least_sets(comparisons, 0.95);
        let least_p = |sets: usize| {
            let differences: Vec<_> = (1..=sets).map(|i| i as f64).collect();
            holm(&vec![wilcoxon(&differences).unwrap().p; comparisons])[0]
        };
        println!("{comparisons} comparisons: {sets} sets, p {}", least_p(sets));
        assert!(least_p(sets) <= 0.05 && least_p(sets - 1) > 0.05, "{comparisons}: {sets}");
    }
}

#[test]
fn many_arms_are_tested_as_by_scipy_and_scikit_posthocs() {
    let mut largest = Largest::default();
    for case in array(&reference("compared.json")["tables"]) {
        let about = case["about"].as_str().unwrap();
        let errors: Vec<_> = array(&case["errors"]).iter().map(numbers).collect();
        let Friedman { mean_ranks: ranks, chi_squared, f } = friedman(&errors).unwrap();
        assert_eq!(ranks, mean_ranks(&errors).unwrap());
        for (found, expected) in ranks.iter().zip(numbers(&case["mean_ranks"])) {
            largest.hold(about, *found, expected);
        }
        largest.hold_test(about, chi_squared, [&case["chi_squared"], &case["p"]]);
        largest.hold_test(about, f, [&case["f"], &case["f_p"]]);
        let found = critical_difference(ranks.len(), errors.len(), 0.95).unwrap();
        largest.hold(about, found, number(&case["critical_difference"]));
        // autorank takes the quantile from a fit.
        Largest::default().within(1e-4, about, found, number(&case["autorank"]));
        // Nemenyi's p-value of two arms is the level at which their difference is the critical one.
        for pair in array(&case["pairs"]) {
            let level = 1. - number(&pair["p"]);
            let found = critical_difference(ranks.len(), errors.len(), level).unwrap();
            // That level has fewer digits where it is near 1.
            Largest::default().within(1e-7, about, found, number(&pair["difference"]));
        }
    }
    largest.print();
}

/// Demsar's table of critical values, by the number of arms from 2.
#[test]
fn critical_values_are_the_published_ones() {
    let at_5 = [1.960, 2.344, 2.569, 2.728, 2.850, 2.948, 3.031, 3.102, 3.164];
    let at_10 = [1.645, 2.052, 2.291, 2.460, 2.589, 2.693, 2.780, 2.855, 2.920];
    for (level, table) in [(0.95, at_5), (0.9, at_10)] {
        for (arms, expected) in (2..).zip(table) {
            let q = range_quantile(level, arms).unwrap() / 2f64.sqrt();
            // 3.0308 is 3.031 there, 2.3437 is 2.343 in some editions.
            assert!((q - expected).abs() <= 1e-3, "{arms} arms: {q}, expected {expected}");
        }
    }
    // 5 arms on 54 sets.
    let difference = critical_difference(5, 54, 0.95).unwrap();
    assert!((difference - 0.830_035_3).abs() <= 1e-6, "{difference}");
}

#[test]
fn ranges_and_holm_are_scipys_and_statsmodels() {
    let reference = reference("compared.json");
    let mut largest = Largest::default();
    for case in array(&reference["range"]) {
        let count = case["count"].as_u64().unwrap() as usize;
        let q = number(&case["q"]);
        largest.hold(&format!("{count} at {q}"), range_distribution(q, count), number(&case["p"]));
    }
    for case in array(&reference["range_quantiles"]) {
        let (level, count) = (number(&case["level"]), case["count"].as_u64().unwrap() as usize);
        largest.hold("quantile", range_quantile(level, count).unwrap(), number(&case["q"]));
    }
    for family in array(&reference["holm"]) {
        let adjusted = holm(&numbers(&family["p"]));
        assert_eq!(adjusted.len(), array(&family["adjusted"]).len());
        for (found, expected) in adjusted.into_iter().zip(numbers(&family["adjusted"])) {
            largest.hold("holm", found, expected);
        }
    }
    largest.print();
    assert_eq!(holm(&[]), [0.; 0]);
}
