//! Memory for the vectors of a step.

use std::ops::{Deref, DerefMut};

/// The bytes of a line of the cache, and of the largest register.
const LINE: usize = 64;

/// Numbers that begin where a line of the cache does, so that a vector of them lies in one line and is read at once. What
/// an allocator gives begins anywhere.
#[derive(Debug)]
pub(in crate::train) struct Buffer<T> {
    space: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Buffer<T> {
    pub(super) fn zeros(len: usize) -> Self {
        let space = vec![T::default(); len + LINE / size_of::<T>()];
        // The vector is never moved, and if it has no such place the buffer is only slower.
        let start = space.as_ptr().align_offset(LINE).min(space.len() - len);
        Self { space, start, len }
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.space[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.space[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_zeros_from_the_start_of_a_line() {
        for len in 0..200 {
            let (single, double) = (Buffer::<f32>::zeros(len), Buffer::<f64>::zeros(len));
            assert_eq!(&*single, vec![0f32; len]);
            assert_eq!(&*double, vec![0f64; len]);
            assert_eq!((single.as_ptr().addr() % LINE, double.as_ptr().addr() % LINE), (0, 0), "{len}");
        }
    }
}
