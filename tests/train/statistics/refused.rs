//! Numbers of which nothing can be said, and those of which all is certain.

use taper::statistics::{
    Bootstrap, Resampled, critical_difference, five_by_two, friedman, mean_ranks, range_quantile, wilcoxon,
};

#[test]
fn what_cannot_be_tested_is_refused() {
    let message = |error: taper::Error| error.to_string();
    let nan = f64::NAN;
    for (found, expected) in [
        (Resampled::new(&[1.], 0.).map(drop), "there are 1 differences, expected at least 2"),
        (Resampled::new(&[1., nan], 0.).map(drop), "one of the differences is NaN, expected finite numbers"),
        (
            Resampled::new(&[1., 2.], -1.).map(drop),
            "there are -1 test rows for each training row, expected 0 or more",
        ),
        (
            five_by_two(&[[f64::INFINITY; 2]; 5]).map(drop),
            "one of the differences is inf, expected finite numbers",
        ),
        (wilcoxon(&[]).map(drop), "there are 0 differences, expected at least 1"),
        (friedman(&[vec![1., 2.]]).map(drop), "there are 1 data sets of 2 arms, expected at least 2 of 2"),
        (mean_ranks(&[vec![1.]]).map(drop), "there are 1 data sets of 1 arms, expected at least 1 of 2"),
        (
            friedman(&[vec![1., 2.], vec![1.]]).map(drop),
            "a data set has 1 arms and another 2, expected all of them",
        ),
        (
            friedman(&[vec![1., 2.], vec![1., nan]]).map(drop),
            "one of the errors of arms is NaN, expected finite numbers",
        ),
        (critical_difference(3, 0, 0.95).map(drop), "there are 0 data sets, expected at least 1"),
        (
            range_quantile(1., 3).map(drop),
            "the range of 3 numbers at the level 1 is not known, expected at least 2 and a level above 0 and below 1",
        ),
        (
            Bootstrap::new(&[], 0.95, 10, 1).map(drop),
            "a bootstrap has 0 data sets, 10 draws and the level 0.95, expected at least one, at least one, and a level \
             above 0 and below 1",
        ),
        (
            Bootstrap::new(&[vec![]], 0.95, 10, 1).map(drop),
            "there are 0 differences of a data set, expected at least 1",
        ),
    ] {
        assert_eq!(found.map_err(message), Err(expected.to_owned()));
    }
}

#[test]
fn equal_differences_are_certain() {
    let tie = Resampled::new(&[0.; 5], 0.25).unwrap();
    assert_eq!((tie.t_test().p, tie.interval(0.95), tie.detectable(0.95, 0.8)), (1., [0.; 2], 0.));
    let [posterior, sign] = [0.01, 0.].map(|rope| tie.posterior(rope));
    assert_eq!([posterior.below, posterior.within, posterior.above], [0., 1., 0.]);
    assert_eq!([sign.below, sign.within, sign.above], [0.5, 0., 0.5]);
    let less = Resampled::new(&[-0.5; 4], 0.25).unwrap();
    assert_eq!((less.t_test().statistic, less.t_test().p), (f64::NEG_INFINITY, 0.));
    assert_eq!(less.posterior(0.01).below, 1.);

    let found = five_by_two(&[[0.; 2]; 5]).unwrap();
    assert_eq!((found.t.p, found.f.p), (1., 1.));
    let found = five_by_two(&[[-0.25; 2]; 5]).unwrap();
    assert_eq!((found.t.statistic, found.t.p, found.f.p), (f64::NEG_INFINITY, 0., 0.));

    let equal = friedman(&vec![vec![1.; 3]; 4]).unwrap();
    assert_eq!((equal.chi_squared.p, equal.f.p, equal.mean_ranks), (1., 1., vec![2.; 3]));
    let ordered = friedman(&vec![vec![1., 2., 3.]; 4]).unwrap();
    assert_eq!((ordered.chi_squared.statistic, ordered.f.p), (8., 0.));
}
