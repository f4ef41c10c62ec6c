//! Named random streams, all derived from one seed.
//!
//! Each use of randomness draws from a stream of its own, so that one of them can draw more or less without
//! changing the others, and folds can run in any order with the same result.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a random stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// The synthetic data.
    Data,
    /// The partition into folds.
    Folds,
    /// The rows that are held out of training.
    Holdout,
    /// The initial parameters of a fold's network.
    Init,
    /// The order of a fold's training rows.
    Shuffle,
    /// The depths of a fold's training steps.
    Depth,
    /// The part of a fold's training rows that is set aside for validation.
    Validation,
    /// The masks of a fold's training steps.
    Dropout,
    /// The seeds of a fold's members that are trained one after the other.
    Members,
    /// The parts of a fold's training rows by which texts are encoded.
    Encoding,
    /// The rows whose columns are shuffled, and how, where a network is explained.
    Explain,
    /// The data sets and folds that a bootstrap draws.
    Bootstrap,
}

impl Stream {
    /// The stream's part of the key. These bytes never change, or old seeds would give other results.
    fn tag(self) -> &'static [u8; 16] {
        match self {
            Self::Data => b"data            ",
            Self::Folds => b"folds           ",
            Self::Holdout => b"holdout         ",
            Self::Init => b"init            ",
            Self::Shuffle => b"shuffle         ",
            Self::Depth => b"depth           ",
            Self::Validation => b"validation      ",
            Self::Dropout => b"dropout         ",
            Self::Members => b"members         ",
            Self::Encoding => b"encoding        ",
            Self::Explain => b"explain         ",
            Self::Bootstrap => b"bootstrap       ",
        }
    }
}

/// The generator of `stream` under `seed`; `index` tells several of one kind apart, for example the folds.
///
/// The key of a `ChaCha` generator is the seed, the index and the stream's name side by side, so different
/// arguments give independent streams.
///
/// # Examples
///
/// ```
/// use rand::Rng;
/// use taper::random::{Stream, generator};
///
/// let draw = |stream, index| generator(1, stream, index).random::<u64>();
/// assert_eq!(draw(Stream::Depth, 0), draw(Stream::Depth, 0));
/// assert_ne!(draw(Stream::Depth, 0), draw(Stream::Depth, 1));
/// assert_ne!(draw(Stream::Depth, 0), draw(Stream::Shuffle, 0));
/// ```
pub fn generator(seed: u64, stream: Stream, index: usize) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(index as u64).to_le_bytes());
    key[16..].copy_from_slice(stream.tag());
    ChaCha8Rng::from_seed(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngCore;

    /// The seed and the index, low byte first, then the name: written out, since old seeds depend on it.
    #[test]
    fn a_key_is_the_seed_the_index_and_the_name() {
        for (stream, name) in [
            (Stream::Data, b"data            "),
            (Stream::Folds, b"folds           "),
            (Stream::Holdout, b"holdout         "),
            (Stream::Init, b"init            "),
            (Stream::Shuffle, b"shuffle         "),
            (Stream::Depth, b"depth           "),
            (Stream::Validation, b"validation      "),
            (Stream::Dropout, b"dropout         "),
            (Stream::Members, b"members         "),
            (Stream::Explain, b"explain         "),
            (Stream::Bootstrap, b"bootstrap       "),
        ] {
            let mut key =
                [0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0xbb, 0xaa, 0, 0, 0, 0, 0, 0].to_vec();
            key.extend(name);
            let mut expected = ChaCha8Rng::from_seed(key.try_into().unwrap());
            let mut actual = generator(0x0102_0304_0506_0708, stream, 0xaabb);
            assert_eq!(actual.next_u64(), expected.next_u64(), "{stream:?}");
        }
    }
}
