//! The details of predictions against scikit-learn and scipy.

use std::collections::BTreeMap;

use serde_json::Value;
use taper::evaluate::{Evaluation, TargetErrors};
use taper::metrics::{Accumulator, Details, QuantileErrors};

use crate::reference::{array, numbers, reference};

/// Holds a number against the reference, up to rounding; where that has none, there is none.
fn hold(what: &str, found: Option<f64>, expected: &Value, largest: &mut f64) {
    let Some(expected) = expected.as_f64() else {
        assert_eq!(found, None, "{what}: {expected}");
        return;
    };
    let difference = (found.unwrap() - expected).abs() / expected.abs().max(1.);
    *largest = largest.max(difference);
    assert!(difference <= 1e-12, "{what}: {found:?}, expected {expected}, difference {difference:e}");
}

#[test]
fn they_are_those_of_scikit_learn_and_scipy() {
    let mut largest = 0.;
    for case in array(&reference("metrics.json")["cases"]) {
        let (predictions, truths) = (numbers(&case["predictions"]), numbers(&case["truths"]));
        let about = case["about"].as_str().unwrap();
        let details = Details::of(&predictions, &truths);
        hold(&format!("{about}: median"), details.median_ae, &case["median_ae"], &mut largest);
        hold(&format!("{about}: mape"), details.mape, &case["mape"], &mut largest);
        let explained = &case["explained_variance"];
        hold(&format!("{about}: explained variance"), details.explained_variance, explained, &mut largest);
        hold(&format!("{about}: spearman"), details.spearman, &case["spearman"], &mut largest);
        for (level, expected) in [0.1, 0.5, 0.9].into_iter().zip(array(&case["pinball"])) {
            let pairs = predictions.iter().copied().zip(truths.iter().copied());
            let errors = QuantileErrors::of(level, pairs).unwrap();
            hold(&format!("{about}: pinball {level}"), Some(errors.pinball), expected, &mut largest);
            hold(&format!("{about}: coverage"), Some(errors.coverage), &case["coverage"], &mut largest);
        }
    }
    println!("largest difference {largest:e}");
    assert_eq!(Details::of(&[], &[]), Details::default());
    assert_eq!(QuantileErrors::of(0.5, []), None);
}

#[test]
fn all_targets_count_the_same() {
    let two = &reference("metrics.json")["two_targets"];
    let target = |i: usize| {
        let (predictions, truths) = (numbers(&two["predictions"][i]), numbers(&two["truths"][i]));
        let mut errors = Accumulator::default();
        errors.add(&predictions, &truths);
        TargetErrors {
            target: i.to_string(),
            metrics: errors.metrics().unwrap(),
            details: Details::of(&predictions, &truths),
            mse_by_depth: BTreeMap::new(),
        }
    };
    let Details { median_ae, mape, explained_variance, spearman, .. } =
        Evaluation::of_targets(vec![target(0), target(1)]).unwrap().details;
    let mut largest = 0.;
    hold("median", median_ae, &two["median_ae"], &mut largest);
    hold("mape", mape, &two["mape"], &mut largest);
    hold("explained variance", explained_variance, &two["explained_variance"], &mut largest);
    println!("largest difference {largest:e}");
    assert!(spearman.unwrap() > 0.5);
    // Where one target has none there is no mean.
    let mut second = target(1);
    second.details.mape = None;
    let together = Evaluation::of_targets(vec![target(0), second]).unwrap().details;
    assert_eq!((together.mape, together.median_ae), (None, median_ae));
}

/// As in results of earlier versions.
#[test]
fn none_are_read_where_there_are_none() {
    let text = r#"{"target":"y","mse":1.0,"rmse":1.0,"mae":1.0,"r2":null,"mse_by_depth":{"1":1.0}}"#;
    let errors: TargetErrors = serde_json::from_str(text).unwrap();
    assert_eq!(errors.details, Details::default());
    assert_eq!(serde_json::to_string(&errors).unwrap(), text);
}
