//! The memory of a plan on the CPU.

use std::hint::black_box;
use std::ops::{Deref, DerefMut};

use crate::ops::kernels::{CACHE_LINE_BYTES, PackedMatrix};

/// Numbers from the start of a cache line on, so that a vector of them lies in one line and is read at once.
/// What an allocator gives starts anywhere.
///
/// Or a constant matrix that is packed for its products, and has no elements to read.
#[derive(Debug)]
pub(crate) struct Buffer<T> {
    space: Vec<T>,
    start: usize,
    len: usize,
    packed: Option<Box<PackedMatrix<T>>>,
}

impl<T: Copy + Default> Buffer<T> {
    /// Zeros, unless there is no memory for them.
    pub(super) fn try_zeros(len: usize) -> Option<Self> {
        let mut room = Vec::<T>::new();
        let is_there = room.try_reserve_exact(len + CACHE_LINE_BYTES / size_of::<T>()).is_ok();
        // A compiler may leave out an allocation that nothing uses, and take it to succeed.
        black_box(&room);
        drop(room);
        // Zeros from the system are not written one by one.
        is_there.then(|| Self::zeros(len))
    }

    pub(super) fn zeros(len: usize) -> Self {
        let space = vec![T::default(); len + CACHE_LINE_BYTES / size_of::<T>()];
        // The elements stay where they are, since the vector never grows. Unaligned, the buffer would only be
        // slower.
        let start = space.as_ptr().align_offset(CACHE_LINE_BYTES).min(space.len() - len);
        Self { space, start, len, packed: None }
    }
}

impl<T> Buffer<T> {
    pub(crate) fn packed(matrix: PackedMatrix<T>) -> Self {
        Self { space: Vec::new(), start: 0, len: 0, packed: Some(Box::new(matrix)) }
    }

    /// The packed matrix, if it is one.
    pub(super) fn as_packed(&self) -> Option<&PackedMatrix<T>> {
        self.packed.as_deref()
    }
}

impl<T: Copy + Default> From<&[T]> for Buffer<T> {
    fn from(elements: &[T]) -> Self {
        let mut buffer = Self::zeros(elements.len());
        buffer.copy_from_slice(elements);
        buffer
    }
}

/// A copy starts at a cache line of its own.
impl<T: Copy + Default> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        match &self.packed {
            Some(matrix) => Self::packed(PackedMatrix::clone(matrix)),
            None => Self::from(&**self),
        }
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
