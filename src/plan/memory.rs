//! Which values share a buffer.

use super::instruction::{Instruction, Rows, Value};
use super::numbered::Numbered;

/// The elements that a buffer has room for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) per_row: usize,
    pub(crate) fixed: usize,
}

impl Size {
    /// The number of elements for a batch of `rows` rows.
    pub(crate) fn len(self, rows: usize) -> usize {
        (self.per_row * rows).max(self.fixed)
    }

    fn of(value: Value) -> Self {
        match value.rows {
            Rows::Batch => Self { per_row: value.columns, fixed: 0 },
            Rows::Fixed(rows) => Self { per_row: 0, fixed: rows * value.columns },
        }
    }

    fn cover(&mut self, other: Self) {
        self.per_row = self.per_row.max(other.per_row);
        self.fixed = self.fixed.max(other.fixed);
    }

    /// Whether both grow with the batch, or neither does.
    fn is_like(self, other: Self) -> bool {
        (self.per_row == 0) == (other.per_row == 0)
    }
}

/// The buffers of some plans that never run at the same time.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// By number; parameters are not among them.
    sizes: Numbered<Size>,
    /// From this number on values share buffers.
    first_shared: usize,
}

impl Buffers {
    /// Values below the number `first_shared` keep buffers of their own.
    pub(super) fn new(first_shared: usize) -> Self {
        Self { sizes: Numbered::default(), first_shared }
    }

    /// Replaces the numbers of the values by those of buffers. A buffer is free again when its value has been
    /// read for the last time; the values in `kept` outlive the instructions.
    pub(super) fn assign(&mut self, instructions: &mut [Instruction], kept: &mut [Value]) {
        let mut last_use: Numbered<usize> = Numbered::default();
        for (i, instruction) in instructions.iter().enumerate() {
            instruction.operands().for_each(|(value, _)| *last_use.place(value.number) = i);
        }
        for value in kept.iter() {
            *last_use.place(value.number) = usize::MAX;
        }
        let mut buffer_of: Numbered<Option<usize>> = Numbered::default();
        let mut free: Vec<usize> = Vec::new();
        let mut next = self.first_shared;
        for (i, instruction) in instructions.iter_mut().enumerate() {
            let before = instruction.operands();
            *instruction = instruction.renamed(|value| {
                let size = Size::of(value);
                let buffer = if value.number < self.first_shared {
                    value.number
                } else {
                    *buffer_of.place(value.number).get_or_insert_with(|| {
                        // The one that was freed last is the nearest in the caches.
                        let fit = free.iter().rposition(|buffer| self.sizes.get(*buffer).is_like(size));
                        fit.map_or_else(
                            || {
                                next += 1;
                                next - 1
                            },
                            |fit| free.remove(fit),
                        )
                    })
                };
                self.sizes.place(buffer).cover(size);
                Value { number: buffer, ..value }
            });
            for (value, _) in before {
                if last_use.get(value.number) == i {
                    free.extend(buffer_of.place(value.number).take());
                }
            }
        }
        for value in kept {
            value.number = buffer_of.get(value.number).unwrap_or(value.number);
        }
    }

    /// The sizes of the buffers from the number `first` on.
    pub(super) fn sizes(&self, first: usize) -> Vec<Size> {
        (first..self.sizes.end()).map(|number| self.sizes.get(number)).collect()
    }
}
