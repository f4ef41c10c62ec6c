//! How often tests find a difference where there is none.
//!
//! A study draws a data set and cross-validates two learners on it: ridge regressions on two halves of the
//! features. Each feature has the same part in the target, so over all data sets the learners err alike,
//! while on one of them the errors in its folds go together: folds share training rows, repetitions share all
//! rows.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use taper::statistics::{Resampled, five_by_two};

const STUDIES: usize = 2000;
/// Of a learner; the data have twice as many.
const FEATURES: usize = 5;
const PENALTY: f64 = 1.;

/// The rows of a learner: its features and the target.
type Row = [f64; FEATURES + 1];

/// The sums of products of the columns over some rows.
#[derive(Clone, Copy, Default)]
struct Gram([[f64; FEATURES + 1]; FEATURES]);

impl Gram {
    fn of(rows: &[Row], of: &[usize]) -> Self {
        let mut gram = Self::default();
        for row in of.iter().map(|i| &rows[*i]) {
            for (sums, x) in gram.0.iter_mut().zip(row) {
                for (sum, other) in sums.iter_mut().zip(row) {
                    *sum += x * other;
                }
            }
        }
        gram
    }

    fn without(mut self, other: &Self) -> Self {
        for (sums, others) in self.0.iter_mut().zip(&other.0) {
            for (sum, other) in sums.iter_mut().zip(others) {
                *sum -= other;
            }
        }
        self
    }

    /// The weights of the ridge regression on these rows, by elimination without a choice of pivots: the
    /// matrix is positive definite.
    fn ridge(mut self) -> [f64; FEATURES] {
        let system = &mut self.0;
        for (i, row) in system.iter_mut().enumerate() {
            row[i] += PENALTY;
        }
        for i in 0..FEATURES {
            for below in 0..FEATURES {
                if below != i {
                    let factor = system[below][i] / system[i][i];
                    let row = system[i];
                    system[below].iter_mut().zip(row).for_each(|(x, y)| *x -= factor * y);
                }
            }
        }
        std::array::from_fn(|i| system[i][FEATURES] / system[i][i])
    }
}

/// The rows of two learners.
fn data(rows: usize, random: &mut ChaCha8Rng) -> [Vec<Row>; 2] {
    let mut learners = [Vec::new(), Vec::new()];
    for _ in 0..rows {
        let mut draw = || -> f64 { StandardNormal.sample(random) };
        let x: [f64; 2 * FEATURES] = std::array::from_fn(|_| draw());
        let y = x.iter().sum::<f64>() * 0.3 + draw();
        for (i, rows) in learners.iter_mut().enumerate() {
            rows.push(std::array::from_fn(|j| if j < FEATURES { x[i * FEATURES + j] } else { y }));
        }
    }
    learners
}

/// The log ratios of the errors of two learners in each fold of each repetition.
fn study(learners: &[Vec<Row>; 2], folds: usize, repeats: usize, random: &mut ChaCha8Rng) -> Vec<f64> {
    let all: Vec<_> = (0..learners[0].len()).collect();
    let totals = learners.each_ref().map(|rows| Gram::of(rows, &all));
    let mut differences = Vec::new();
    for _ in 0..repeats {
        let mut order = all.clone();
        order.shuffle(random);
        for test in order.chunks(all.len() / folds) {
            let [a, b] = [0, 1].map(|i| {
                let rows = &learners[i];
                let weights = totals[i].without(&Gram::of(rows, test)).ridge();
                let squared = test.iter().map(|row| {
                    let row = &rows[*row];
                    let prediction: f64 = row.iter().zip(weights).map(|(x, w)| x * w).sum();
                    (prediction - row[FEATURES]).powi(2)
                });
                squared.sum::<f64>()
            });
            differences.push((a / b).ln() / 2.);
        }
    }
    differences
}

/// The shares of the null studies in which each of `N` p-values is below 0.05.
fn rates<const N: usize>([rows, folds, repeats]: [usize; 3], p: impl Fn(&[f64]) -> [f64; N]) -> [f64; N] {
    let mut rejected = [0.; N];
    for i in 0..STUDIES {
        let mut random = ChaCha8Rng::seed_from_u64(i as u64);
        let learners = data(rows, &mut random);
        let differences = study(&learners, folds, repeats, &mut random);
        for (rejected, p) in rejected.iter_mut().zip(p(&differences)) {
            *rejected += f64::from(p < 0.05);
        }
    }
    rejected.map(|count| count / STUDIES as f64)
}

#[test]
fn corrected_tests_find_a_difference_where_there_is_none_in_few_studies() {
    for [folds, repeats] in [[10, 1], [10, 3], [10, 10], [5, 3]] {
        let p = |differences: &[f64], per_train| Resampled::new(differences, per_train).unwrap().t_test().p;
        let per_train = 1. / (folds as f64 - 1.);
        let [corrected, plain] = rates([100, folds, repeats], |all| [p(all, per_train), p(all, 0.)]);
        let [shown, of_plain] = [corrected, plain].map(|rate| 100. * rate);
        println!(
            "{folds} folds x {repeats}: the corrected t-test {shown:.2} %, the plain one {of_plain:.2} %"
        );
        assert!(corrected <= 0.06, "{corrected}");
        // The studies are not of a kind in which nothing is found, and the correction is needed.
        assert!(corrected > 0.005 && plain > corrected && (repeats == 1 || plain >= 0.15), "{plain}");
    }
}

/// Half of the rows must be enough to train on: of few rows the two differences of a repetition go together,
/// and both tests find too much.
#[test]
fn five_repetitions_of_two_folds_need_rows() {
    for (rows, most) in [(100, 0.12), (1000, 0.06)] {
        let [t, f] = rates([rows, 2, 5], |all| {
            let pairs: Vec<_> = all.chunks(2).map(|pair| [pair[0], pair[1]]).collect();
            let found = five_by_two(&pairs.try_into().unwrap()).unwrap();
            [found.t.p, found.f.p]
        });
        println!("5 x 2 folds of {rows} rows: t {:.2} %, F {:.2} %", 100. * t, 100. * f);
        assert!(t <= most && f <= most && t > 0.005 && f > 0.005, "{t}, {f}");
    }
}
