//! Memory for the vectors of a step.

use std::ops::{Deref, DerefMut};

use crate::ops::kernels::simd::CACHE_LINE_BYTES;

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
        let space = vec![T::default(); len + CACHE_LINE_BYTES / size_of::<T>()];
        // The elements stay where they are, since the vector never grows. Without such a place the buffer is only slower.
        let start = space.as_ptr().align_offset(CACHE_LINE_BYTES).min(space.len() - len);
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
            assert_eq!(
                (single.as_ptr().addr() % CACHE_LINE_BYTES, double.as_ptr().addr() % CACHE_LINE_BYTES),
                (0, 0),
                "{len}"
            );
        }
    }
}
