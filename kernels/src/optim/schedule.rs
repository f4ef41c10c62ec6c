//! Learning rates that change from step to step.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// The share of the steps over which [`Schedule::OneCycle`] rises: PyTorch's `pct_start`.
const RISE: f64 = 0.3;
/// By what its largest rate is divided for the first step, and that of the first for the last: PyTorch's
/// `div_factor` and `final_div_factor`.
const DIVISORS: [f64; 2] = [25., 1e4];

/// How the learning rate changes over the steps of a training.
///
/// # Examples
///
/// ```
/// use taper_kernels::optim::Schedule;
///
/// let rates: Vec<f64> = (0..4).map(|step| 0.1 * Schedule::Linear.factor(step, 4)).collect();
/// assert_eq!(rates, [0.1, 0.1 * 0.75, 0.1 * 0.5, 0.1 * 0.25]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// It stays.
    #[default]
    Constant,
    /// It falls along a line that ends at 0 after the last step; PyTorch's `LinearLR(start_factor=1,
    /// end_factor=0, total_iters=steps)`.
    Linear,
    /// It falls along half a cosine to 0 after the last step; PyTorch's `CosineAnnealingLR(T_max=steps)`
    /// (Loshchilov and Hutter, 2017, without restarts).
    Cosine,
    /// It rises from 1/25 over the first 30 % of the steps and falls to 4e-6, both along half a cosine;
    /// PyTorch's `OneCycleLR(total_steps=steps)` (Smith and Topin, 2018), without its change of momentum.
    OneCycle,
    /// It is a tenth from half of the steps on, and a hundredth from three quarters on; PyTorch's
    /// `MultiStepLR(milestones=[ceil(steps / 2), ceil(3 * steps / 4)])`.
    Step,
    /// It rises from 0 and falls to 0 four times, each time over twice as many steps:
    /// (1 - cos(2 pi log2(1 + 15 t))) / 2 at the share t of the steps, as `RealMLP` has it (Holzmüller and
    /// others, 2024).
    CosLog4,
    /// It is a tenth, a hundredth, ... each time that the loss on rows for validation has not improved for 5
    /// epochs. The steps do not tell that: [`Plateau`](super::Plateau) has its factor, and that of a step is
    /// 1.
    Plateau,
}

impl Schedule {
    /// Whether the rate of a step does not depend on how many there are to be.
    pub fn is_open_ended(self) -> bool {
        matches!(self, Self::Constant | Self::Plateau)
    }

    /// By what the rate is multiplied in step number `step`, counted from 0, of `steps`. After the last step
    /// it stays what it was there.
    pub fn factor(self, step: u64, steps: u64) -> f64 {
        let last = steps.saturating_sub(1);
        let step = step.min(last) as f64;
        let share = step / steps.max(1) as f64;
        match self {
            Self::Constant | Self::Plateau => 1.,
            Self::Linear => 1. - share,
            Self::Cosine => between(1., 0., share),
            Self::OneCycle => one_cycle(step, steps.max(1) as f64),
            Self::Step if share < 0.5 => 1.,
            Self::Step if share < 0.75 => 0.1,
            Self::Step => 0.01,
            Self::CosLog4 => between(0., 1., 2. * (1. + 15. * share).log2()),
        }
    }
}

/// Half a cosine from `start` to `end`, at the share `t` of the way.
fn between(start: f64, end: f64, t: f64) -> f64 {
    end + (start - end) * (1. + (PI * t).cos()) / 2.
}

fn one_cycle(step: f64, steps: f64) -> f64 {
    let [first, last] = [1. / DIVISORS[0], 1. / DIVISORS[0] / DIVISORS[1]];
    let (top, end) = (RISE * steps - 1., steps - 1.);
    if step <= top {
        // Of a rise of one step there is no way to have a share of.
        if top > 0. { between(first, 1., step / top) } else { 1. }
    } else {
        between(1., last, (step - top) / (end - top))
    }
}

#[cfg(test)]
#[allow(clippy::unreadable_literal, reason = "as Python prints them")]
mod tests {
    use super::*;

    fn check(schedule: Schedule, steps: u64, expected: &[f64]) {
        let found: Vec<_> = (0..steps).map(|step| schedule.factor(step, steps)).collect();
        assert_eq!(found.len(), expected.len());
        let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
        let largest = differences.fold(0., |a: f64, b| if b > a || b.is_nan() { b } else { a });
        println!("{schedule:?}: largest difference {largest:e}");
        assert!(largest <= 1e-9, "{found:?}");
        assert_eq!(schedule.factor(steps + 5, steps), found[found.len() - 1]);
    }

    /// The rates of PyTorch 1.13.1's schedulers for a largest rate of 1.
    #[test]
    fn the_rates_are_those_of_pytorch() {
        check(Schedule::Constant, 2, &[1., 1.]);
        let linear = [1., 0.857142857142857, 0.714285714285714, 0.571428571428571, 0.428571428571429];
        check(Schedule::Linear, 7, &[&linear[..], &[0.285714285714286, 0.142857142857143]].concat());
        let falling = [1., 0.9504844339512095, 0.8117449009293668, 0.6112604669781572, 0.38873953302184283];
        check(Schedule::Cosine, 7, &[&falling[..], &[0.18825509907063326, 0.04951556604879048]].concat());
        check(
            Schedule::OneCycle,
            5,
            &[0.04, 0.9504846320134737, 0.6112620219362893, 0.18825834605023697, 4e-6],
        );
        let top = [0.04, 0.52, 1., 0.9504846320134737, 0.8117456539497631, 0.6112620219362893];
        let end = [0.38874197806371075, 0.18825834605023697, 0.049519367986526286, 4e-6];
        check(Schedule::OneCycle, 10, &[&top[..], &end].concat());
        check(Schedule::Step, 8, &[1., 1., 1., 1., 0.1, 0.1, 0.01, 0.01]);
    }

    /// By the formula of `RealMLP` in Python.
    #[test]
    fn coslog4_is_that_of_realmlp() {
        let first = [0., 0.930430970431205, 0.12593760348628075, 0.9304309704312057, 0.036749462272825106];
        let last = [0.4137025337610449, 0.9838444269228753, 0.7600025635947116, 0.22864133592413693];
        check(Schedule::CosLog4, 9, &[&first[..], &last].concat());
    }

    #[test]
    fn trainings_of_hardly_any_steps_have_rates() {
        use Schedule::{Constant, CosLog4, Cosine, Linear, OneCycle, Plateau, Step};
        for schedule in [Constant, Linear, Cosine, OneCycle, Step, CosLog4, Plateau] {
            for steps in 0..6 {
                for step in 0..8 {
                    let factor = schedule.factor(step, steps);
                    assert!((0. ..=1.).contains(&factor), "{schedule:?}, {step} of {steps}: {factor}");
                }
            }
        }
    }
}
