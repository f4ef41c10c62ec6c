//! What an adaptive network has to be better than.

use rand::seq::SliceRandom;
use taper::nn::{DynamicNet, Halting, ModelConfig};
use taper::random::{Stream, generator};

use crate::network::{Said, as_wide_as, changes, flops, trained};
use crate::statistics::{mean, rank_correlation};
use crate::tasks::{Split, Task};

/// What a control comes to on the rows of a test.
#[derive(Clone, Copy)]
pub(crate) struct Outcome {
    /// The mean squared error.
    pub(crate) error: f64,
    /// The mean depth down to which rows are computed.
    pub(crate) depth: f64,
    /// The mean of the floating-point operations of a row.
    pub(crate) flops: f64,
    /// The rank correlation of depth and need, where rows have a need.
    pub(crate) rank: Option<f64>,
}

/// The rows of the table, in order, with the outcome of each; the first one is the adaptive network.
pub(crate) fn outcomes(task: &Task, split: &Split, seed: u64, index: usize) -> Vec<(String, Outcome)> {
    let bench = Bench { task, split, seed, index };
    let adaptive = bench.net(&bench.model(Halting::Adaptive));
    let said = Said::new(&adaptive, &split.test);
    let exits = exits(&adaptive, &said);
    let costs = flops(&adaptive);
    let own = bench.stopping(&said, &exits, &costs, |row| row);
    assert_same("the adaptive network", bench.predicted(&said, &said.mean).error, own.error);

    let shared_net = bench.net(&bench.model(Halting::Shared));
    let shared = Said::new(&shared_net, &split.test);
    let (shared_exits, shared_costs) = (self::exits(&shared_net, &shared), flops(&shared_net));
    let of_all = bench.stopping(&shared, &shared_exits, &shared_costs, |row| row);
    let order = permutation(seed, said.rows());
    let permuted = bench.stopping(&shared, &shared_exits, &shared_costs, |row| order[row]);
    assert!(of_all.error == permuted.error, "halting that all rows share changes where it is permuted");

    let mut rows = vec![
        ("adaptive".to_owned(), own),
        ("mixture, the same for all rows".to_owned(), of_all),
        ("halting permuted over rows".to_owned(), bench.stopping(&said, &exits, &costs, |row| order[row])),
        ("threshold on the change of h".to_owned(), bench.threshold(&adaptive, &said, &costs)),
        ("oracle, a lower bound of single depths".to_owned(), bench.oracle(&said, &costs)),
    ];
    let fixed: Vec<Outcome> = task.model.depths().map(|depth| bench.fixed(depth)).collect();
    let at_mean = task.model.depths().zip(&fixed).find(|(depth, _)| *depth as f64 >= own.depth).unwrap().1;
    rows.push(("fixed at the mean, rounded up".to_owned(), *at_mean));
    for (depth, outcome) in task.model.depths().zip(&fixed) {
        rows.push((format!("fixed at {depth}"), *outcome));
    }
    rows.push(("mean over drawn depths".to_owned(), bench.drawn()));
    rows.push(("depth 1, wider".to_owned(), bench.ensemble(1, own.flops, 1)));
    let far = |depth: &usize| (*depth as f64 - own.depth).abs();
    let depth = task.model.depths().min_by(|a, b| far(a).total_cmp(&far(b))).unwrap();
    rows.push(("mean of two of half the cost".to_owned(), bench.ensemble(2, own.flops, depth)));
    for (name, outcome) in &rows {
        let numbers = [outcome.error, outcome.depth, outcome.flops, outcome.rank.unwrap_or(0.)];
        assert!(numbers.iter().all(|number| number.is_finite()), "{}: {name} has {numbers:?}", task.name);
    }
    rows
}

struct Bench<'a> {
    task: &'a Task,
    split: &'a Split,
    seed: u64,
    index: usize,
}

impl Bench<'_> {
    fn model(&self, halting: Halting) -> ModelConfig {
        ModelConfig { halting, ..self.task.model.clone() }
    }

    fn net(&self, model: &ModelConfig) -> DynamicNet {
        trained((model, &self.task.train), &self.split.train, self.seed, self.index)
    }

    /// The outcome of predictions and depths that are given row by row.
    fn outcome(
        &self,
        said: &Said,
        costs: &[f64],
        depth: impl Fn(usize) -> usize,
        prediction: impl Fn(usize, usize) -> Vec<f64>,
    ) -> Outcome {
        let depths: Vec<usize> = (0..said.rows()).map(depth).collect();
        let error = |(row, &depth): (usize, &usize)| squared(&prediction(row, depth), said.truth(row));
        let errors: Vec<f64> = depths.iter().enumerate().map(error).collect();
        let counts: Vec<f64> = depths.iter().map(|depth| (depth + 1) as f64).collect();
        Outcome {
            error: mean(&errors),
            depth: mean(&counts),
            flops: mean(&depths.iter().map(|&depth| costs[depth]).collect::<Vec<_>>()),
            rank: self.split.needs.as_ref().map(|needs| rank_correlation(&counts, needs)),
        }
    }

    /// Rows that stop with the probabilities of the rows that `of` gives for them.
    fn stopping(&self, said: &Said, exits: &[usize], costs: &[f64], of: impl Fn(usize) -> usize) -> Outcome {
        let weighted = |row: usize, last: usize| {
            let weights = &said.probabilities(of(row))[..=last];
            let mut sum = vec![0.; said.targets];
            for (depth, weight) in weights.iter().enumerate() {
                for (sum, y) in sum.iter_mut().zip(said.at(row, depth)) {
                    *sum += weight * y;
                }
            }
            let total: f64 = weights.iter().sum();
            sum.into_iter().map(|sum| sum / total).collect()
        };
        self.outcome(said, costs, |row| exits[of(row)], weighted)
    }

    /// Rows that leave where their activations have changed by less than a share of themselves, which makes the
    /// depth of the training rows that of the adaptive network.
    fn threshold(&self, net: &DynamicNet, said: &Said, costs: &[f64]) -> Outcome {
        let on_train = Said::new(net, &self.split.train);
        let depths: Vec<f64> = exits(net, &on_train).iter().map(|&depth| depth as f64).collect();
        let (wanted, on_train) = (mean(&depths), changes(net, &self.split.train, &on_train));
        let leaves = |changes: &[f64], bound: f64| {
            changes.iter().position(|change| *change < bound).unwrap_or(changes.len() - 1)
        };
        let depth_at = |bound: f64| {
            mean(&on_train.iter().map(|changes| leaves(changes, bound) as f64).collect::<Vec<_>>())
        };
        let mut bounds: Vec<f64> = on_train.iter().flatten().copied().collect();
        bounds.sort_by(f64::total_cmp);
        // The depth falls as the bound grows.
        let last = bounds.len() - 1;
        let first = bounds.partition_point(|bound| depth_at(*bound) > wanted).min(last);
        let nearest = [first.saturating_sub(1), first].map(|i| bounds[i]);
        let far = |bound: f64| (depth_at(bound) - wanted).abs();
        let bound = if far(nearest[0]) < far(nearest[1]) { nearest[0] } else { nearest[1] };
        let on_test = changes(net, &self.split.test, said);
        self.outcome(
            said,
            costs,
            |row| leaves(&on_test[row], bound),
            |row, depth| said.at(row, depth).to_vec(),
        )
    }

    /// Rows that leave where their error is least, which nobody knows.
    fn oracle(&self, said: &Said, costs: &[f64]) -> Outcome {
        let error = |row: usize, depth: usize| squared(said.at(row, depth), said.truth(row));
        let best = |row| (0..said.depths).min_by(|&a, &b| error(row, a).total_cmp(&error(row, b))).unwrap();
        self.outcome(said, costs, best, |row, depth| said.at(row, depth).to_vec())
    }

    /// The outcome of `prediction`, with neither depths nor costs.
    fn predicted(&self, said: &Said, prediction: &[f64]) -> Outcome {
        let of = |row: usize, _| prediction[row * said.targets..][..said.targets].to_vec();
        self.outcome(said, &vec![0.; said.depths], |_| said.depths - 1, of)
    }

    /// A network that always has this depth.
    fn fixed(&self, depth: usize) -> Outcome {
        self.without_halting(&[self.net(&self.at_depth(depth))], depth)
    }

    /// A network whose steps draw a depth, and whose prediction is the mean over all.
    fn drawn(&self) -> Outcome {
        self.without_halting(&[self.net(&self.model(Halting::None))], *self.task.model.depths().end())
    }

    /// The mean of so many networks of a fixed depth, which together cost what is given, or a little more.
    fn ensemble(&self, count: usize, flops: f64, depth: usize) -> Outcome {
        let data = &self.split.train;
        let model = as_wide_as(&self.at_depth(depth), data, flops / count as f64);
        let net = |i| trained((&model, &self.task.train), data, self.seed, self.index + 1000 * i);
        self.without_halting(&(0..count).map(net).collect::<Vec<_>>(), depth)
    }

    fn at_depth(&self, depth: usize) -> ModelConfig {
        ModelConfig { min_depth: depth, max_depth: depth, ..self.model(Halting::None) }
    }

    /// The mean of networks that have no halting and are computed down to `depth`.
    fn without_halting(&self, nets: &[DynamicNet], depth: usize) -> Outcome {
        let said: Vec<_> = nets.iter().map(|net| Said::new(net, &self.split.test)).collect();
        let predictions: Vec<_> = said.iter().map(|said| &said.mean).collect();
        let mean_of = |i: usize| mean(&predictions.iter().map(|values| values[i]).collect::<Vec<_>>());
        let prediction: Vec<f64> = (0..predictions[0].len()).map(mean_of).collect();
        let flops = nets.iter().map(|net| *flops(net).last().unwrap()).sum();
        Outcome { depth: depth as f64, flops, rank: None, ..self.predicted(&said[0], &prediction) }
    }
}

/// The depths at which rows exit, counted from 0.
fn exits(net: &DynamicNet, said: &Said) -> Vec<usize> {
    let first = *net.depths().start();
    said.exits.as_ref().unwrap().depths.iter().map(|depth| depth - first).collect()
}

fn permutation(seed: u64, rows: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(&mut generator(seed, Stream::Shuffle, 0));
    order
}

/// The mean squared difference of two rows.
fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / a.len() as f64
}

/// Panics unless `a` and `b` differ by the rounding of f32 alone.
fn assert_same(what: &str, a: f64, b: f64) {
    let difference = (a - b).abs();
    assert!(difference <= 1e-4 * b, "{what} has an error of {a}, and by its probabilities {b}");
}
