//! What is said of measurements.

mod scores;

use std::collections::BTreeMap;

use taper::compare::{Arm, Comparison, DataSet, Measurements, Rules, Verdict, compare};
use taper::statistics::{Resampled, wilcoxon};

/// An arm whose error in a fold of a data set is a fixed wobble times `factor`, and a bit of its own.
fn arm(name: &str, sets: &[DataSet], factor: f64, noise: f64) -> Arm {
    let mut state = name.bytes().fold(1u64, |state, byte| state.wrapping_mul(31).wrapping_add(byte.into()));
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    let errors = sets.iter().enumerate().map(|(i, set)| {
        let of_fold =
            |fold: usize| (1. + i as f64) * (1. + 0.1 * (fold % 7) as f64) * factor * (noise * draw()).exp();
        (0..set.folds * set.repeats).map(of_fold).collect()
    });
    Arm { name: name.to_owned(), settings: BTreeMap::new(), sources: Vec::new(), errors: errors.collect() }
}

fn sets(count: usize) -> Vec<DataSet> {
    let set = |i: usize| DataSet::new(&format!("set {i}"), Some(500), 10, 3);
    (0..count).map(set).collect()
}

/// Arms by name, factor and noise.
fn measured(count: usize, arms: &[(&str, f64, f64)]) -> Measurements {
    let sets = sets(count);
    let arms = arms.iter().map(|(name, factor, noise)| arm(name, &sets, *factor, *noise)).collect();
    Measurements { metric: "rmse".to_owned(), sets, arms }
}

fn compared(count: usize, arms: &[(&str, f64, f64)]) -> Comparison {
    compare(&measured(count, arms), &Rules::default()).unwrap()
}

#[test]
fn the_answer_says_what_the_numbers_say() {
    for (count, factor, noise, verdict, parts) in [
        (1, 0.92, 0.02, Verdict::Less, ["b errs ", " % less than a, 95 % interval "]),
        (1, 1.08, 0.02, Verdict::More, ["b errs ", " % more than a, 95 % interval "]),
        (1, 1.001, 0.001, Verdict::Equal, ["b and a err alike: the difference is ", " % that count as none"]),
        (
            1,
            0.99,
            0.3,
            Verdict::Open,
            ["Whether b or a errs less is open: b errs ", "four of five such studies"],
        ),
        (10, 0.92, 0.3, Verdict::Less, ["b errs ", " % less than a over 10 data sets, 95 % interval "]),
        (6, 1.1, 0.1, Verdict::More, ["b errs ", " % more than a over 6 data sets"]),
        (10, 1., 0.005, Verdict::Equal, ["b and a err alike over 10 data sets", "count as none"]),
        (
            5,
            0.9,
            0.1,
            Verdict::Open,
            [
                "Whether b or a errs less over 5 data sets",
                "5 data sets are too few to tell, expected at least 6",
            ],
        ),
        (
            12,
            1.,
            0.5,
            Verdict::Open,
            ["Whether b or a errs less over 12 data sets", "more data sets would show more"],
        ),
    ] {
        let found = compared(count, &[("a", 1., noise), ("b", factor, noise)]);
        println!("{}", found.answer);
        assert_eq!(found.differences[0].verdict, verdict, "{}", found.answer);
        assert!(parts.iter().all(|part| found.answer.contains(part)), "{}", found.answer);
        assert_eq!(found.warnings.len(), usize::from((2..6).contains(&count)), "{:?}", found.warnings);
    }
    let three = compared(8, &[("a", 1., 0.1), ("b", 0.9, 0.1), ("c", 1.1, 0.1), ("d", 0.8, 0.1)]);
    println!("{}", three.answer);
    assert!(three.answer.starts_with("d errs ") && three.answer.ends_with("; 2 of 3 arms err less"));
    let none = compared(1, &[("a", 1., 0.02), ("b", 1.1, 0.02), ("c", 1.2, 0.02)]);
    assert!(
        none.answer.starts_with("None of 2 arms is known to err less than a. b errs "),
        "{}",
        none.answer
    );
}

/// One data set: the corrected t-test of the log ratios. Several: the signed-rank test of their means.
#[test]
fn numbers_are_those_of_the_tests() {
    let arms = [("a", 1., 0.1), ("b", 0.97, 0.1)];
    let log_ratios = |measured: &Measurements, set: usize| -> Vec<f64> {
        let [a, b] = [0, 1].map(|arm| &measured.arms[arm].errors[set]);
        a.iter().zip(b).map(|(a, b)| (b / a).ln()).collect()
    };
    let one = measured(1, &arms);
    let expected = Resampled::new(&log_ratios(&one, 0), 1. / 9.).unwrap();
    let found = &compared(1, &arms).differences[0];
    assert_eq!(
        (found.p, found.p_holm, found.ratio),
        (expected.t_test().p, expected.t_test().p, expected.mean.exp())
    );
    assert_eq!(found.interval, expected.interval(0.95).map(f64::exp));
    assert_eq!(found.better, expected.posterior(0.).below);
    assert_eq!(found.sets[0].posterior, expected.posterior(0.01));
    assert!(found.sets[0].plain_p < found.p && found.sets[0].five_by_two.is_none());

    let many = measured(11, &arms);
    let means: Vec<_> = (0..11).map(|set| log_ratios(&many, set).iter().sum::<f64>() / 30.).collect();
    let found = &compared(11, &arms).differences[0];
    let expected = wilcoxon(&means).unwrap();
    assert!((found.p - expected.p).abs() <= 1e-12, "{found:?}");
    let mean = means.iter().sum::<f64>() / 11.;
    assert!((found.ratio.ln() - mean).abs() <= 1e-12);
    assert_eq!(found.wins, means.iter().filter(|mean| **mean < 0.).count());
    assert_eq!(found.interval, found.bootstrap.unwrap().interval.map(f64::exp));

    // Two folds, five times.
    let mut halves = measured(1, &arms);
    (halves.sets[0].folds, halves.sets[0].repeats) = (2, 5);
    halves.arms.iter_mut().for_each(|arm| arm.errors[0].truncate(10));
    let found = compare(&halves, &Rules::default()).unwrap();
    assert!(found.differences[0].sets[0].five_by_two.is_some());
}

/// Another arm changes nothing of the others but what allows for their number, and a unit changes nothing at
/// all.
#[test]
fn arms_do_not_perturb_each_other_and_units_do_not_matter() {
    let two = [("a", 1., 0.1), ("b", 0.95, 0.1)];
    let three = [two[0], ("c", 1.3, 0.2), two[1]];
    for count in [1, 7, 12] {
        let (before, after) = (compared(count, &two), compared(count, &three));
        let mut of_b = after.differences[1].clone();
        assert_eq!(of_b.arm, "b");
        assert!(of_b.p_holm >= of_b.p);
        (of_b.p_holm, of_b.verdict) = (before.differences[0].p_holm, before.differences[0].verdict);
        assert_eq!(of_b, before.differences[0]);
        assert_eq!(after.friedman.is_some(), count > 1);

        let mut scaled = measured(count, &two);
        for arm in &mut scaled.arms {
            arm.errors[0].iter_mut().for_each(|error| *error *= 1024.);
        }
        assert_eq!(compare(&scaled, &Rules::default()).unwrap().differences, before.differences);
    }
    // The other way round all is inverted.
    let rules = Rules { reference: 1, ..Rules::default() };
    let (there, back) = (compared(1, &two), compare(&measured(1, &two), &rules).unwrap());
    let [there, back] = [&there, &back].map(|comparison| &comparison.differences[0]);
    assert!((there.ratio * back.ratio - 1.).abs() <= 1e-12 && (there.p - back.p).abs() <= 1e-12);
    assert!((there.better + back.better - 1.).abs() <= 1e-12);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let arms = [("a", 1., 0.1), ("b", 0.95, 0.1)];
    let changed = |change: &dyn Fn(&mut Measurements)| {
        let mut measured = measured(2, &arms);
        change(&mut measured);
        compare(&measured, &Rules::default()).unwrap_err().to_string()
    };
    for (found, expected) in [
        (changed(&|m| m.arms.truncate(1)), "there are 1 arms, expected at least 2"),
        (
            changed(&|m| m.arms[1].name = "a".to_owned()),
            "two arms have the name a, expected names of their own",
        ),
        (changed(&|m| m.sets.clear()), "there are 0 data sets, expected at least 1"),
        (
            changed(&|m| (m.sets[1].folds, m.sets[1].repeats) = (1, 1)),
            "set 1 has 1 folds, expected at least 2",
        ),
        (
            changed(&|m| m.sets[1].test_per_train = f64::INFINITY),
            "set 1 has inf test rows for each training row, expected a number above 0; of one fold the numbers of rows \
             say it",
        ),
        (changed(&|m| m.arms[1].errors[0].truncate(29)), "b has errors in [29, 30] folds, expected [30, 30]"),
        (
            changed(&|m| m.arms[0].errors[1][3] = 0.),
            "a has the rmse 0 on set 1, of which there is no ratio; expected a finite number above 0",
        ),
    ] {
        assert_eq!(found, expected);
    }
    for (rules, expected) in [
        (Rules { reference: 2, ..Rules::default() }, "the reference is arm 2 of 2, counted from 0"),
        (Rules { rope: -0.1, ..Rules::default() }, "rope is -0.1, expected 0 or more and below 1"),
        (Rules { level: 1., ..Rules::default() }, "level is 1, expected above 0.5 and below 1"),
    ] {
        assert_eq!(compare(&measured(1, &arms), &rules).unwrap_err().to_string(), expected);
    }
}
