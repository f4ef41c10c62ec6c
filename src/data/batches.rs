//! The batches of an epoch.

use std::slice::Chunks;

use rand::Rng;
use rand::seq::SliceRandom;

/// Shuffles `rows` in place and divides them into batches of `batch_size`, the last one with what remains. A `batch_size` of 0
/// counts as 1.
///
/// Shuffling the same slice again gives the next epoch's order.
///
/// # Examples
///
/// ```
/// use taper::data::shuffled_batches;
/// use taper::random::{Stream, generator};
///
/// let mut rows: Vec<u32> = (0..10).collect();
/// let mut rng = generator(1, Stream::Shuffle, 0);
/// let sizes: Vec<_> = shuffled_batches(&mut rows, 4, &mut rng).map(<[u32]>::len).collect();
/// assert_eq!(sizes, [4, 4, 2]);
/// ```
pub fn shuffled_batches<'a>(rows: &'a mut [u32], batch_size: usize, rng: &mut impl Rng) -> Chunks<'a, u32> {
    rows.shuffle(rng);
    rows.chunks(batch_size.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Stream, generator};

    #[test]
    fn an_epoch_has_every_row_once_in_another_order_each_time() {
        let mut rng = generator(2, Stream::Shuffle, 0);
        let mut rows: Vec<u32> = (0..100).collect();
        let mut epoch = || shuffled_batches(&mut rows, 64, &mut rng).flatten().copied().collect::<Vec<_>>();
        let (first, second) = (epoch(), epoch());
        assert_ne!(first, second);
        for mut order in [first, second] {
            order.sort_unstable();
            assert_eq!(order, (0..100).collect::<Vec<u32>>());
        }
    }
}
