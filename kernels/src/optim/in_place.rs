//! Updates of several tensors at once, in place.

use std::cell::RefCell;
use std::ptr;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor, bail};

/// An operation on the writable storages of several tensors.
pub(super) trait InPlace {
    const NAME: &'static str;

    fn cpu(&self, storages: Vec<&mut CpuStorage>) -> Result<()>;

    #[cfg(feature = "cuda")]
    fn cuda(&self, storages: Vec<&mut CudaStorage>) -> Result<()>;
}

/// Applies `op` to the storages of `tensors`.
///
/// Candle locks one storage for writing at a time, for the duration of an in-place operation. So the
/// operation on the first tensor applies the one on the second, and so on, until all are locked.
///
/// # Errors
///
/// Fails when a tensor is not [at the start of its storage](is_whole_storage), or when two share a storage.
pub(super) fn apply(op: &impl InPlace, tensors: &[&Tensor]) -> Result<()> {
    for (i, x) in tensors.iter().enumerate() {
        if !is_whole_storage(x) {
            bail!("{}: tensor {i} is {:?}, expected it at the start of its storage", name(op), x.layout())
        }
        // Locking a storage twice would wait forever.
        if tensors[..i].iter().any(|y| share_storage(x, y)) {
            bail!("{}: tensor {i} shares its storage with another", name(op))
        }
    }
    match tensors.split_first() {
        Some((first, rest)) => first.inplace_op1(&LockAll { op, rest, storages: RefCell::default() }),
        None => Ok(()),
    }
}

/// Whether the elements of `x` are contiguous from the start of its storage, which may be longer.
pub(super) fn is_whole_storage(x: &Tensor) -> bool {
    x.is_contiguous() && x.layout().start_offset() == 0
}

/// Whether `x` and `y` are views of one storage.
pub(super) fn share_storage(x: &Tensor, y: &Tensor) -> bool {
    // One after the other: a second read lock beside the first may wait for a writer that waits for the
    // first.
    let address = |x: &Tensor| &raw const *x.storage_and_layout().0;
    ptr::eq(address(x), address(y))
}

fn name<O: InPlace>(_: &O) -> &'static str {
    O::NAME
}

/// The storages locked so far, and the tensors still to be locked.
struct LockAll<'a, O> {
    op: &'a O,
    rest: &'a [&'a Tensor],
    storages: RefCell<Storages<'a>>,
}

#[derive(Default)]
struct Storages<'a> {
    cpu: Vec<&'a mut CpuStorage>,
    #[cfg(feature = "cuda")]
    cuda: Vec<&'a mut CudaStorage>,
}

impl<'a, O: InPlace> LockAll<'a, O> {
    /// Takes the storages locked so far, to pass them on for a shorter lifetime.
    fn take(&self) -> Storages<'a> {
        self.storages.take()
    }

    fn next(&self, storages: Storages) -> Result<()> {
        if let Some((next, rest)) = self.rest.split_first() {
            return next.inplace_op1(&LockAll { op: self.op, rest, storages: RefCell::new(storages) });
        }
        #[cfg(feature = "cuda")]
        if !storages.cuda.is_empty() {
            return self.op.cuda(storages.cuda);
        }
        self.op.cpu(storages.cpu)
    }
}

impl<O: InPlace> InplaceOp1 for LockAll<'_, O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, _layout: &Layout) -> Result<()> {
        let mut storages = self.take();
        storages.cpu.push(storage);
        self.next(storages)
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, storage: &mut CudaStorage, _layout: &Layout) -> Result<()> {
        let mut storages = self.take();
        storages.cuda.push(storage);
        self.next(storages)
    }
}
