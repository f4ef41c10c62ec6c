//! The bootstrap against all draws that there are.

use taper::statistics::Bootstrap;

/// The quantiles and the share below 0 of the means of all equally probable draws of 4 sets of one fold.
fn all_draws(sets: &[f64; 4]) -> ([f64; 2], f64) {
    let mut means: Vec<f64> =
        (0..256usize).map(|draw| (0..4).map(|i| sets[(draw >> (2 * i)) % 4]).sum::<f64>() / 4.).collect();
    means.sort_by(f64::total_cmp);
    let share = |mean: &f64| {
        if *mean < -1e-12 {
            1.
        } else if *mean < 1e-12 {
            0.5
        } else {
            0.
        }
    };
    let negative = means.iter().map(share).sum::<f64>() / 256.;
    // Far from where the distribution jumps at these levels.
    ([means[12], means[243]], negative)
}

/// Of one fold in each set the second level has nothing to draw from.
#[test]
fn it_is_the_distribution_of_all_draws() {
    let sets = [-0.31, -0.12, 0.05, -0.22];
    let ([low, high], negative) = all_draws(&sets);
    let found = Bootstrap::new(&sets.map(|x| vec![x]), 0.9, 100_000, 7).unwrap();
    println!("{found:?}, all draws: {low} to {high}, negative {negative}");
    assert!((found.interval[0] - low).abs() <= 1e-9 && (found.interval[1] - high).abs() <= 1e-9);
    // Four standard errors of a share of 100,000.
    assert!((found.negative - negative).abs() <= 4. * (negative * (1. - negative) / 1e5).sqrt());
    assert!((found.mean + 0.15).abs() <= 1e-12 && found.better == 0.75);
    // The number of the three that are better among 4 draws is binomial.
    assert_eq!(found.better_interval, [0.25, 1.]);
}

/// The variance of the mean of a draw is that between the sets and a part of that within them, each by the
/// number of what is drawn: of normal numbers the interval is that of the normal distribution.
#[test]
fn its_interval_has_the_width_of_both_levels() {
    let quantiles: Vec<f64> = (0..50).map(|i| (f64::from(i) + 0.5) / 50.).collect();
    // About normal: the logistic quantiles, scaled.
    let spread: Vec<f64> = quantiles.iter().map(|q| (q / (1. - q)).ln()).collect();
    let variance = spread.iter().map(|x| x * x).sum::<f64>() / 50.;
    let sets: Vec<Vec<f64>> =
        spread.iter().map(|set| spread.iter().map(|fold| set + 3. * fold).collect()).collect();
    let found = Bootstrap::new(&sets, 0.95, 10_000, 3).unwrap();
    let expected = 2. * 1.959_964 * ((variance + 9. * variance / 50.) / 50.).sqrt();
    let width = found.interval[1] - found.interval[0];
    println!("width {width}, of the normal distribution {expected}");
    assert!((width / expected - 1.).abs() <= 0.04);
    assert!((found.better - 0.5).abs() <= 0.02 && (found.negative - 0.5).abs() <= 0.02, "{found:?}");
}

#[test]
fn a_seed_gives_the_same_again() {
    let sets = [vec![-0.1, 0.2, -0.3], vec![0.05], vec![-0.4, -0.1]];
    let draw = |seed| Bootstrap::new(&sets, 0.95, 500, seed).unwrap();
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1).interval, draw(2).interval);
}
