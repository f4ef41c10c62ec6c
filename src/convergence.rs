//! Whether training was long enough, as far as its own losses tell.

use crate::config::TrainConfig;
use crate::stats;
use crate::text::significant;

/// How far a parameter has to be able to move: those of a new network are smaller than 1, and AdamW moves
/// each by about the learning rate in a step.
const LEAST_WAY: f64 = 0.2;
/// The share by which the loss falls over the last eighth of the epochs where it still falls clearly.
const LEAST_FALL: f64 = 0.05;
/// How many standard errors the slope of the loss is then below 0.
const LEAST_T: f64 = 3.;

/// What to say of a training whose networks were trained on about `rows` rows each and met these `losses`,
/// one list for each network; nothing if it seems to have been long enough. Where there are rows for
/// validation they are the losses on these, and those of a training that stopped by itself are left out: it
/// was long enough.
///
/// # Examples
///
/// ```
/// use taper::config::TrainConfig;
/// use taper::convergence::too_short;
///
/// let config = TrainConfig { epochs: 80, ..TrainConfig::default() };
/// let falling = vec![(0..80).map(|epoch| (-0.05 * f64::from(epoch)).exp()).collect()];
/// let advice = too_short(&falling, 1000, &config).unwrap();
/// assert!(advice.contains("still falling at the end, by 39 % over the last 10 of 80 epochs"));
/// assert_eq!(too_short(&[vec![0.01; 80]], 1000, &config), None);
/// ```
pub fn too_short(losses: &[Vec<f64>], rows: usize, config: &TrainConfig) -> Option<String> {
    if losses.is_empty() {
        return None;
    }
    let TrainConfig { epochs, batch_size, lr, .. } = *config;
    let steps = epochs.saturating_mul(rows.div_ceil(batch_size.max(1)));
    let way = config.mean_rate() * steps as f64;
    if steps > 0 && way < LEAST_WAY {
        let enough = round_up(epochs as f64 * 2. * LEAST_WAY / way);
        return Some(format!(
            "each network made {steps} step{} at a learning rate of {lr}, which move a weight by at most about {}: \
             too few to learn much; `train.epochs={enough}` makes more",
            if steps == 1 { "" } else { "s" },
            significant(way, 2)
        ));
    }
    // A rate that falls to the end lets the loss fall to the end, however long the training is.
    if !config.schedule.is_open_ended() {
        return None;
    }
    let (fall, over) = fall(losses)?;
    let (percent, more) = (100. * fall, epochs.saturating_mul(4));
    let (which, condition) = if config.has_validation() {
        ("validation", "")
    } else {
        ("training", ", if the errors on test rows fall too")
    };
    Some(format!(
        "the {which} loss was still falling at the end, by {percent:.0} % over the last {over} of {epochs} epochs: \
         `train.epochs={more}` may bring more{condition}"
    ))
}

/// By what share the losses of all networks together fell over the last epochs, and how many these are, if
/// they fell clearly.
fn fall(losses: &[Vec<f64>]) -> Option<(f64, usize)> {
    let epochs = losses.iter().map(Vec::len).min()?;
    let last = (epochs / 8).max(2);
    let window = (epochs / 4).max(2 * last);
    // The mean of logarithms: each network counts the same however large its losses are.
    let mean =
        |epoch: usize| losses.iter().map(|losses| losses[epoch].ln()).sum::<f64>() / losses.len() as f64;
    let curve: Vec<f64> = (epochs.checked_sub(window)?..epochs).map(mean).collect();
    let (before, end) = curve[window - 2 * last..].split_at(last);
    let fall = 1. - (stats::mean(end) - stats::mean(before)).exp();
    (fall >= LEAST_FALL && -t_of_slope(&curve) >= LEAST_T).then_some((fall, last))
}

/// The slope of a line through `y`, by least squares, in units of its standard error.
fn t_of_slope(y: &[f64]) -> f64 {
    let n = y.len() as f64;
    let mean = stats::mean(y);
    let at = |i: usize| i as f64 - (n - 1.) / 2.;
    let spread: f64 = (0..y.len()).map(|i| at(i).powi(2)).sum();
    let slope = y.iter().enumerate().map(|(i, y)| at(i) * (y - mean)).sum::<f64>() / spread;
    let residual: f64 = y.iter().enumerate().map(|(i, y)| (y - mean - slope * at(i)).powi(2)).sum();
    slope / (residual / (n - 2.) / spread).sqrt()
}

/// `x` rounded up to one digit and zeros.
fn round_up(x: f64) -> f64 {
    let unit = 10f64.powf(x.log10().floor());
    (x / unit).ceil() * unit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::Schedule;

    fn config(epochs: usize) -> TrainConfig {
        TrainConfig { epochs, ..TrainConfig::default() }
    }

    /// By `scipy.stats.linregress(range(5), [1, 2, 2, 4, 5])`: slope 1, standard error 0.163299.
    #[test]
    fn the_slope_is_that_of_scipy() {
        let t = t_of_slope(&[1., 2., 2., 4., 5.]);
        assert!((t - 1. / 0.163_299_316_185_545_2).abs() <= 1e-9, "{t}");
    }

    #[test]
    fn few_steps_are_noticed_and_enough_are_not() {
        let flat = [vec![1.; 25]];
        let advice = too_short(&flat, 45, &config(25)).unwrap();
        assert!(advice.contains("made 25 steps at a learning rate of 0.001"), "{advice}");
        assert!(advice.contains("`train.epochs=400`"), "{advice}");
        // A schedule of a single step may have a rate of 0 there.
        for schedule in [Schedule::CosLog4, Schedule::OneCycle, Schedule::Cosine] {
            let advice = too_short(&flat, 45, &TrainConfig { schedule, ..config(1) }).unwrap();
            // The mean of each is about half of the largest rate.
            assert!([800, 900].iter().any(|n| advice.contains(&format!("epochs={n}`"))), "{advice}");
        }
        assert_eq!(too_short(&flat, 12_288, &config(25)), None);
        assert_eq!(too_short(&[], 12_288, &config(25)), None);
        assert_eq!(too_short(&[vec![1.; 3]], 12_288, &config(3)), None);
    }

    #[test]
    fn a_steady_fall_is_told_from_noise() {
        let noise = |epoch: usize| 0.3 * f64::sin(7. * epoch as f64);
        let falling = |slope: f64, noisy: f64| {
            let losses: Vec<_> = (0..200).map(|i| (-slope * i as f64 + noisy * noise(i)).exp()).collect();
            too_short(&[losses.clone(), losses], 1000, &config(200)).is_some()
        };
        assert!(falling(0.01, 0.1) && falling(0.1, 1.));
        let losses = [(0..200).map(|i| (-0.1 * f64::from(i)).exp()).collect()];
        let decaying = TrainConfig { schedule: Schedule::OneCycle, ..config(200) };
        assert!(too_short(&losses, 1000, &config(200)).is_some());
        assert_eq!(too_short(&losses, 1000, &decaying), None);
        assert!(!falling(0.001, 0.) && !falling(0.01, 3.) && !falling(0., 1.) && !falling(-0.1, 0.1));
        // Losses of 0, and none that are numbers.
        assert_eq!(too_short(&[vec![0.; 200]], 1000, &config(200)), None);
        assert_eq!(too_short(&[vec![f64::NAN; 200]], 1000, &config(200)), None);
    }

    /// One that stopped by itself is left out, and of the others the validation counts.
    #[test]
    fn a_training_that_stopped_is_long_enough() {
        let validated = TrainConfig { validation: 0.2, patience: 5, ..config(80) };
        assert_eq!(too_short(&[], 45, &validated), None);
        let falling = [(0..80).map(|epoch| (-0.05 * f64::from(epoch)).exp()).collect()];
        let advice = too_short(&falling, 1000, &validated).unwrap();
        assert!(advice.starts_with("the validation loss was still falling at the end, by 39 %"), "{advice}");
        assert!(advice.ends_with("may bring more"), "{advice}");
    }

    #[test]
    fn advice_is_rounded_up() {
        assert_eq!([1., 9., 10., 101., 399.].map(round_up), [1., 9., 10., 200., 400.]);
    }
}
