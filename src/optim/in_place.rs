//! Updates of several tensors at once, where they are.

use std::cell::RefCell;
use std::ptr;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor, bail};

/// What is done to the storages of several tensors, all of them writable.
pub(super) trait InPlace {
    const NAME: &'static str;

    fn cpu(&self, storages: Vec<&mut CpuStorage>) -> Result<()>;

    #[cfg(feature = "cuda")]
    fn cuda(&self, storages: Vec<&mut CudaStorage>) -> Result<()>;
}

/// Gives the storages of `tensors` to `op`.
///
/// Candle lends one writable storage at a time, to an in-place operation. The operation on the first tensor applies the
/// one on the second, and so on, until all are lent.
///
/// # Errors
///
/// Fails when a tensor does not [lead its storage](leads_storage), or when two share one.
pub(super) fn apply(op: &impl InPlace, tensors: &[&Tensor]) -> Result<()> {
    for (i, x) in tensors.iter().enumerate() {
        if !leads_storage(x) {
            bail!("{}: tensor {i} is {:?}, expected it at the start of its storage", name(op), x.layout())
        }
        // Waiting for a storage that is lent already would never end.
        if tensors[..i].iter().any(|y| share_storage(x, y)) {
            bail!("{}: tensor {i} shares its storage with another one", name(op))
        }
    }
    match tensors.split_first() {
        Some((first, rest)) => first.inplace_op1(&Lent { op, rest, storages: RefCell::default() }),
        None => Ok(()),
    }
}

/// Whether the elements of `x` lie one after the other from the start of its storage, which may be longer.
pub(super) fn leads_storage(x: &Tensor) -> bool {
    x.is_contiguous() && x.layout().start_offset() == 0
}

/// Whether `x` and `y` are views of one storage.
pub(super) fn share_storage(x: &Tensor, y: &Tensor) -> bool {
    // One after the other: to read a lock twice at a time may wait for a writer that waits for the first.
    let address = |x: &Tensor| &raw const *x.storage_and_layout().0;
    ptr::eq(address(x), address(y))
}

fn name<O: InPlace>(_: &O) -> &'static str {
    O::NAME
}

/// The storages lent so far, and the tensors that are still to come.
struct Lent<'a, O> {
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

impl<'a, O: InPlace> Lent<'a, O> {
    /// The storages lent so far, which may be lent on for a shorter time.
    fn take(&self) -> Storages<'a> {
        self.storages.take()
    }

    fn go_on(&self, storages: Storages) -> Result<()> {
        if let Some((next, rest)) = self.rest.split_first() {
            return next.inplace_op1(&Lent { op: self.op, rest, storages: RefCell::new(storages) });
        }
        #[cfg(feature = "cuda")]
        if !storages.cuda.is_empty() {
            return self.op.cuda(storages.cuda);
        }
        self.op.cpu(storages.cpu)
    }
}

impl<O: InPlace> InplaceOp1 for Lent<'_, O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, _layout: &Layout) -> Result<()> {
        let mut storages = self.take();
        storages.cpu.push(storage);
        self.go_on(storages)
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, storage: &mut CudaStorage, _layout: &Layout) -> Result<()> {
        let mut storages = self.take();
        storages.cuda.push(storage);
        self.go_on(storages)
    }
}
