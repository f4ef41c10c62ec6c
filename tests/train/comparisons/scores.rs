//! Errors task by task, against what baycomp, scipy, scikit-posthocs and statsmodels say of them.

use serde_json::Value;
use taper::compare::{Comparison, Measurements, Rules, Score, SetDifference, compare};
use taper::statistics::Resampled;

use crate::reference::{array, indices, number, numbers, reference};
use crate::statistics::Largest;

/// The tasks of a study of the reference, the arms of which are a, b, c and so on, in an order in which no
/// arm is done before the others.
fn scores(study: &Value) -> Vec<Score> {
    let (folds, mut scores) = (study["folds"].as_u64().unwrap() as usize, Vec::new());
    for (arm, sets) in array(&study["errors"]).iter().enumerate() {
        for (set, errors) in array(sets).iter().enumerate() {
            for (i, error) in numbers(errors).into_iter().enumerate() {
                scores.push(Score {
                    arm: name(arm),
                    data: format!("set {set}"),
                    repeat: i / folds,
                    fold: i % folds,
                    error,
                    rows: None,
                });
            }
        }
    }
    // The first ones tell the order of arms and of data sets.
    scores.sort_by_key(|score| (score.repeat, score.fold));
    scores
}

fn name(arm: usize) -> String {
    ["a", "b", "c", "d"][arm].to_owned()
}

fn hold_set(largest: &mut Largest, found: &SetDifference, expected: &Value) {
    let of = |name: &str| number(&expected[name]);
    largest.hold("ratio", found.ratio.ln(), of("mean"));
    largest.hold("t", found.t, of("t"));
    largest.hold_p("p", found.p, of("p"));
    largest.hold_p("plain p", found.plain_p, of("plain_p"));
    largest.hold("detectable", found.detectable, of("detectable"));
    let posterior = found.posterior;
    for (found, expected) in [
        (found.interval.map(f64::ln).to_vec(), &expected["interval"]),
        (vec![posterior.below, posterior.within, posterior.above], &expected["posterior"]),
    ] {
        for (found, expected) in found.into_iter().zip(numbers(expected)) {
            largest.hold("interval or posterior", found, expected);
        }
    }
}

/// What a comparison of several data sets says beyond what it says of each.
fn hold_sets(largest: &mut Largest, found: &Comparison, expected: &Value) {
    let of = |name: &str| numbers(&expected[name]);
    for (difference, (p, p_holm)) in found.differences.iter().zip(of("p").into_iter().zip(of("holm"))) {
        largest.hold_p("p", difference.p, p);
        largest.hold_p("adjusted p", difference.p_holm, p_holm);
    }
    if found.sets.len() < 10 {
        for (difference, interval) in found.differences.iter().zip(array(&expected["intervals"])) {
            for (end, expected) in difference.interval.into_iter().zip(numbers(interval)) {
                largest.hold("interval", end.ln(), expected);
            }
        }
    }
    let pairs = array(&expected["pairs"]).iter().zip(of("pairs_holm"));
    assert_eq!(found.pairs.len(), pairs.len());
    for (pair, (arms, p_holm)) in found.pairs.iter().zip(pairs) {
        assert_eq!(pair.arms.to_vec(), indices(arms).into_iter().map(name).collect::<Vec<_>>());
        largest.hold_p("adjusted p of a pair", pair.p_holm, p_holm);
    }
    let (ranks, friedman) = (&expected["ranks"], found.friedman.as_ref().unwrap());
    for (found, expected) in friedman.mean_ranks.iter().zip(numbers(&ranks["mean_ranks"])) {
        largest.hold("mean rank", *found, expected);
    }
    largest.hold_test("chi-squared", friedman.chi_squared, [&ranks["chi_squared"], &ranks["p"]]);
    largest.hold_test("F", friedman.f, [&ranks["f"], &ranks["f_p"]]);
    let critical = found.critical_difference.unwrap();
    largest.hold("critical difference", critical, number(&ranks["critical_difference"]));
}

#[test]
fn studies_are_judged_as_by_baycomp_scipy_and_statsmodels() {
    let reference = reference("compared.json");
    let mut largest = Largest::default();
    for study in array(&reference["studies"]) {
        let measured = Measurements::from_scores("rmse", &scores(study)).unwrap();
        let found = compare(&measured, &Rules { rope: number(&study["rope"]), ..Rules::default() }).unwrap();
        let expected = array(&study["paired"]);
        assert_eq!(found.differences.len(), expected.len());
        for (difference, expected) in found.differences.iter().zip(expected) {
            let expected = array(expected);
            assert_eq!(difference.sets.len(), expected.len());
            difference.sets.iter().zip(expected).for_each(|(set, of)| hold_set(&mut largest, set, of));
        }
        if found.sets.len() > 1 {
            hold_sets(&mut largest, &found, study);
        }
    }
    largest.print();
}

/// Ten divisions into 80 rows for training and 20 for testing are corrected as five folds, twice.
#[test]
fn numbers_of_rows_correct_repeated_divisions() {
    let reference = reference("compared.json");
    let study = &array(&reference["studies"])[1];
    let mut scores = scores(study);
    let by_folds = compare(&Measurements::from_scores("rmse", &scores).unwrap(), &Rules::default()).unwrap();
    for score in &mut scores {
        (score.repeat, score.fold) = (5 * score.repeat + score.fold, 0);
    }
    let unknown = Measurements::from_scores("rmse", &scores).unwrap_err().to_string();
    assert!(unknown.contains("set 0 has inf test rows for each training row, expected"), "{unknown}");
    for score in &mut scores {
        score.rows = Some([80, 20]);
    }
    let measured = Measurements::from_scores("rmse", &scores).unwrap();
    let set = &measured.sets[0];
    assert_eq!((set.folds, set.repeats, set.rows, set.test_per_train), (1, 10, Some(20), 0.25));
    let found = compare(&measured, &Rules::default()).unwrap();
    assert_eq!(found.differences, by_folds.differences);
    // Half as many test rows give a smaller variance.
    let ratios = |test_per_train| Resampled { mean: -0.1, std: 0.1, count: 10, test_per_train };
    assert!(ratios(0.125).t_test().p < ratios(0.25).t_test().p);
}

#[test]
fn scores_that_do_not_pair_are_refused() {
    let reference = reference("compared.json");
    let study = &array(&reference["studies"])[2];
    let changed = |change: &dyn Fn(&mut Vec<Score>)| {
        let mut scores = scores(study);
        change(&mut scores);
        Measurements::from_scores("rmse", &scores).unwrap_err().to_string()
    };
    let is = |score: &Score, arm: &str, data: &str| score.arm == arm && score.data == data;
    for (found, expected) in [
        (
            changed(&|all| all.retain(|s| !(is(s, "b", "set 3") && s.repeat == 1 && s.fold == 2))),
            "'b' lacks fold 2 of repetition 1 of 'set 3', which another has; expected the same folds of all",
        ),
        (
            changed(&|all| all.retain(|s| !is(s, "c", "set 8"))),
            "'c' has no errors on 'set 8', expected those of all folds",
        ),
        (
            changed(&|all| all.retain(|s| !(s.data == "set 3" && s.repeat == 1 && s.fold == 4))),
            "repetition 1 of 'set 3' has the folds 0, 1, 2, 3, and 0, 1, 2, 3, 4 in repetition 0; expected the same",
        ),
        (
            changed(&|all| all.push(all[0].clone())),
            "'a' has fold 0 of repetition 0 of 'set 0' twice, expected one error",
        ),
        (
            changed(&|all| all.retain(|s| s.data != "set 0" || (s.repeat == 0 && s.fold == 0))),
            "set 0 has 1 folds, expected at least 2",
        ),
        (
            changed(&|all| all[7].error = f64::NAN),
            "a has the rmse NaN on set 7, of which there is no ratio; expected a finite number above 0",
        ),
        (changed(&|all| all.retain(|s| s.arm == "a")), "there are 1 arms, expected at least 2"),
        (changed(&Vec::clear), "there are 0 arms, expected at least 2"),
    ] {
        assert_eq!(found, expected);
    }
}
