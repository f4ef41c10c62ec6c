//! What the losses of a validation after each epoch say: how long they have not improved, and the learning
//! rate that follows from it.

/// How long a loss has not improved: by more than a share of the lowest loss that did.
///
/// It is what PyTorch's `ReduceLROnPlateau(threshold_mode="rel")` counts. The share of a loss below 0 is one
/// of its size.
///
/// # Examples
///
/// ```
/// use taper_kernels::optim::Stagnation;
///
/// let mut stagnation = Stagnation::new(0.1);
/// let epochs: Vec<_> = [1., 0.95, 0.91, 0.89, 0.89].map(|loss| stagnation.push(loss)).into();
/// assert_eq!(epochs, [0, 1, 2, 0, 1]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Stagnation {
    share: f64,
    /// The last loss that was an improvement.
    lowest: Option<f64>,
    epochs: usize,
}

impl Stagnation {
    /// Before the first loss; a loss that is lower by no more than `share` is no improvement.
    pub fn new(share: f64) -> Self {
        Self { share, lowest: None, epochs: 0 }
    }

    /// Takes the loss after another epoch, and returns [`epochs`](Self::epochs).
    pub fn push(&mut self, loss: f64) -> usize {
        let improves = self.lowest.is_none_or(|lowest| loss < lowest - self.share * lowest.abs());
        if improves {
            self.lowest = Some(loss);
        }
        self.epochs = if improves { 0 } else { self.epochs + 1 };
        self.epochs
    }

    /// The number of epochs since the last improvement, or since it was [restarted](Self::restart).
    pub fn epochs(&self) -> usize {
        self.epochs
    }

    /// Counts from 0 again; what has to be improved on stays.
    pub fn restart(&mut self) {
        self.epochs = 0;
    }
}

/// The factor of [`Schedule::Plateau`](super::Schedule::Plateau): a tenth each time that the loss has not
/// improved by a ten-thousandth for 5 epochs.
///
/// PyTorch's `ReduceLROnPlateau(factor=0.1, patience=4, threshold=1e-4, eps=0)`, whose patience is the number
/// of epochs that it bears.
///
/// # Examples
///
/// ```
/// use taper_kernels::optim::Plateau;
///
/// let mut plateau = Plateau::default();
/// let factors: Vec<_> = [1., 1., 1., 1., 1., 1., 1.].map(|loss| plateau.push(loss)).into();
/// assert_eq!(factors, [1., 1., 1., 1., 1., 0.1, 0.1]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Plateau {
    stagnation: Stagnation,
    factor: f64,
}

impl Plateau {
    /// By what the rate is multiplied when the loss stagnates.
    const DROP: f64 = 0.1;
    /// The epochs without an improvement after which it is.
    const EPOCHS: usize = 5;
    /// The share of the loss that is an improvement.
    const SHARE: f64 = 1e-4;

    /// Takes the loss of the validation after another epoch, and returns the [`factor`](Self::factor) of the
    /// next one.
    pub fn push(&mut self, loss: f64) -> f64 {
        if self.stagnation.push(loss) >= Self::EPOCHS {
            self.stagnation.restart();
            self.factor *= Self::DROP;
        }
        self.factor
    }

    /// By what the learning rate of the next epoch is multiplied.
    pub fn factor(&self) -> f64 {
        self.factor
    }
}

impl Default for Plateau {
    fn default() -> Self {
        Self { stagnation: Stagnation::new(Self::SHARE), factor: 1. }
    }
}

#[cfg(test)]
#[allow(clippy::unreadable_literal, reason = "as Python prints them")]
mod tests {
    use super::*;

    /// The rates of PyTorch 1.13.1 for a first rate of 1, as (rate, epochs): those that
    /// `ReduceLROnPlateau(SGD([p], lr=1.), factor=0.1, patience=4, threshold=1e-4).step(loss)` leaves. Twice a
    /// loss is lower by less than the threshold, and an improvement comes in the fifth epoch.
    #[test]
    fn the_rates_are_those_of_pytorch() {
        let by_hand = [
            1., 0.5, 0.5, 0.49999, 0.6, 0.49996, 0.7, 0.8, 0.4, 0.4, 0.39997, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4,
            0.4, 0.4, 0.2, 0.19, 0.19, 0.19, 0.19, 0.19, 0.189,
        ];
        check(&by_hand, &[(1., 6), (0.1, 7), (0.01, 5), (0.001, 8)]);
        // 1 / (1 + i / 4) plus noise.
        let noisy = [
            1.227289, 0.883793, 0.787587, 0.791834, 0.508784, 0.684402, 0.519141, 0.589948, 0.504186,
            0.439326, 0.477318, 0.424066, 0.454784, 0.326839, 0.361286, 0.347022, 0.371742, 0.339877,
            0.462943, 0.370592, 0.260806, 0.219406, 0.278704, 0.233447, 0.24479, 0.295113, 0.372752,
            0.360563, 0.128367, 0.3642, 0.309552, 0.406569, 0.36012, 0.121437, 0.112642, 0.180214, 0.381717,
            0.222576, 0.309432, 0.173317, 0.388092, 0.175424, 0.349445, 0.236883, 0.154311, 0.308735,
            0.150377, 0.272547, 0.183609, 0.209027, 0.079866, 0.15121, 0.302824, 0.183714, 0.368373,
            0.338035, 0.209643, 0.115451, 0.30586, 0.260046,
        ];
        check(&noisy, &[(1., 18), (0.1, 8), (0.01, 13), (1e-3, 5), (1e-4, 5), (1e-5, 6), (1e-6, 5)]);
    }

    fn check(losses: &[f64], expected: &[(f64, usize)]) {
        let mut plateau = Plateau::default();
        let found = losses.iter().map(|loss| plateau.push(*loss));
        let expected: Vec<_> =
            expected.iter().flat_map(|&(rate, epochs)| std::iter::repeat_n(rate, epochs)).collect();
        assert_eq!(losses.len(), expected.len());
        let differences = found.zip(expected).map(|(found, expected)| (found / expected - 1.).abs());
        let largest = differences.fold(0., |a: f64, b| if b > a || b.is_nan() { b } else { a });
        println!("largest relative difference {largest:e}");
        assert!(largest <= 1e-15, "{largest:e}");
    }

    #[test]
    fn a_loss_below_0_improves_downward() {
        let mut stagnation = Stagnation::new(0.1);
        let epochs: Vec<_> = [-1., -1.05, -1.2, -1.2, f64::NAN].map(|loss| stagnation.push(loss)).into();
        assert_eq!(epochs, [0, 1, 0, 1, 2]);
    }
}
