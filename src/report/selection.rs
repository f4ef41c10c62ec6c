//! Which epochs the rows for validation chose, in words.

use crate::config::{Selection, TrainConfig};
use crate::text::list;

/// The most networks whose epochs are told one by one.
const MOST: usize = 10;

/// After how many of how many epochs each network was taken, in a sentence without a full stop.
pub(super) fn selected(config: &TrainConfig, epochs: &[(usize, usize)]) -> String {
    let what = match config.selection() {
        Selection::Refit => "trained anew on all training rows for",
        Selection::Best | Selection::Bag => "taken at its lowest validation loss, after",
        Selection::Last | Selection::Auto => "taken after",
    };
    let (taken, made): (Vec<_>, Vec<_>) = epochs.iter().copied().unzip();
    let network = if epochs.len() == 1 { "the network" } else { "each network" };
    let order = if is_range(&taken) { "" } else { ", in the order of the folds" };
    format!("{network} was {what} {} of {} epochs{order}", numbers(&taken), numbers(&made))
}

/// Whether numbers are told as a range: they are many, or all are equal.
fn is_range(numbers: &[usize]) -> bool {
    numbers.len() > MOST || numbers.windows(2).all(|pair| pair[0] == pair[1])
}

/// Numbers one by one, or from the smallest to the largest.
fn numbers(numbers: &[usize]) -> String {
    if !is_range(numbers) {
        return list(&numbers.iter().map(ToString::to_string).collect::<Vec<_>>());
    }
    match (numbers.iter().min(), numbers.iter().max()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
        (least, _) => least.copied().unwrap_or_default().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_told_one_by_one_or_as_a_range() {
        let config = |select| TrainConfig { validation: 0.2, select, ..TrainConfig::default() };
        let best = config(Selection::Auto);
        let three = [(3, 8), (5, 10), (9, 10)];
        for (config, epochs, expected) in [
            (&best, &three[..1], "the network was taken at its lowest validation loss, after 3 of 8 epochs"),
            (
                &best,
                &three,
                "each network was taken at its lowest validation loss, after 3, 5, 9 of 8, 10, 10 epochs, in the order \
                 of the folds",
            ),
            (
                &config(Selection::Refit),
                &three.repeat(4),
                "each network was trained anew on all training rows for 3 to 9 of 8 to 10 epochs",
            ),
            (&config(Selection::Last), &[(5, 10), (5, 10)], "each network was taken after 5 of 10 epochs"),
        ] {
            assert_eq!(selected(config, epochs), expected);
        }
    }
}
