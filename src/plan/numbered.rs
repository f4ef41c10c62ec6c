//! A table by the numbers of values.

/// A table by the numbers of values, which are dense; a place that was not written has the default.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbered<T>(Vec<T>);

impl<T: Copy + Default> Numbered<T> {
    /// What is at `number`.
    pub(super) fn get(&self, number: usize) -> T {
        self.0.get(number).copied().unwrap_or_default()
    }

    /// The place of `number`.
    pub(super) fn place(&mut self, number: usize) -> &mut T {
        if number >= self.0.len() {
            self.0.resize(number + 1, T::default());
        }
        &mut self.0[number]
    }

    /// The first number above all that were written.
    pub(super) fn end(&self) -> usize {
        self.0.len()
    }
}
