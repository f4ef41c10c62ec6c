//! The instructions of a plan on one core of the CPU.

mod buffer;

use std::marker::PhantomData;
use std::ops::Range;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Storage, Tensor, WithDType, bail};

use super::device::{Device, Status};
use super::graph::Stored;
use super::instruction::{Epilogue, Factor};
use crate::ops::kernels::{
    self, Columns, CpuKernels, Encoding, ExpectedLoss, Matrix, Operands, Write, on_cpu,
};
use crate::ops::{Dropout, Loss, MapKind, NormKind};
use crate::optim::{CpuUpdate, Pass, Update};
pub(crate) use buffer::Buffer;

/// The type of the elements of a plan on the CPU.
pub(crate) trait Element: CpuKernels + CpuUpdate + WithDType {
    /// The elements of a storage of this type.
    fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]>;
}

macro_rules! element {
    ($type:ident, $dtype:ident) => {
        impl Element for $type {
            fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]> {
                if let CpuStorage::$dtype(slice) = storage { Some(slice) } else { None }
            }
        }
    };
}

element!(f32, F32);
element!(f64, F64);

/// One core of the CPU.
#[derive(Debug)]
pub(crate) struct Cpu<T> {
    status: Status,
    /// The sum of the squares of the gradients.
    squares: f64,
    /// The weight of the divergence in expected losses.
    divergence: Option<f64>,
    element: PhantomData<T>,
}

impl<T> Cpu<T> {
    pub(crate) fn new() -> Self {
        let status = Status { loss: 0., not_finite: None };
        Self { status, squares: 0., divergence: None, element: PhantomData }
    }
}

impl<T: Element> Device for Cpu<T> {
    type Buffer = Buffer<T>;
    type RowNumbers = Vec<u32>;

    const WEIGHTS: Stored = Stored::Transposed;

    fn zeros(&self, len: usize) -> Result<Buffer<T>> {
        match Buffer::try_zeros(len) {
            Some(buffer) => Ok(buffer),
            None => bail!(
                "there is no memory for {len} more numbers of a step; a smaller batch, width or depth needs fewer"
            ),
        }
    }

    fn copy(&self, from: &Buffer<T>, to: &mut Buffer<T>) -> Result<()> {
        to[..from.len()].copy_from_slice(from);
        Ok(())
    }

    fn load(&self, from: &Tensor, stored: Stored, to: &mut Buffer<T>) -> Result<()> {
        let from = from.contiguous()?;
        let (storage, layout) = from.storage_and_layout();
        let elements = elements(&storage, layout)?;
        match (stored, from.dims()) {
            (Stored::Transposed, &[rows, columns]) => T::transpose(rows, columns, elements, to),
            _ => to[..elements.len()].copy_from_slice(elements),
        }
        Ok(())
    }

    fn store(&self, from: &Buffer<T>, stored: Stored, to: &Tensor) -> Result<()> {
        let dims = to.dims();
        assign(to, |to: &mut [T]| match (stored, dims) {
            (Stored::Transposed, &[rows, columns]) => T::transpose(columns, rows, from, to),
            _ => to.copy_from_slice(&from[..to.len()]),
        })
    }

    fn row_numbers(&self, rows: &[u32]) -> Result<Vec<u32>> {
        Ok(rows.to_vec())
    }

    fn gather(
        &self,
        data: [&Tensor; 2],
        rows: &Vec<u32>,
        range: Range<usize>,
        batch: [&mut Buffer<T>; 2],
    ) -> Result<()> {
        for (all, batch) in data.into_iter().zip(batch) {
            let (storage, layout) = all.storage_and_layout();
            T::gather(elements(&storage, layout)?, layout.dims()[1], &rows[range.clone()], batch);
        }
        Ok(())
    }

    fn gemm(
        &self,
        [m, n, k]: [usize; 3],
        a: Factor<&Buffer<T>>,
        b: Factor<&Buffer<T>>,
        epilogue: Epilogue<&Buffer<T>, &mut Buffer<T>>,
        c: &mut Buffer<T>,
    ) -> Result<()> {
        if let Some(matrix) = b.matrix.as_packed() {
            let after = match &epilogue {
                Epilogue::Set => None,
                Epilogue::BiasActivation { bias, activation } => Some((&bias[..], *activation)),
                _ => bail!("a product with a packed matrix is added to another, expected to replace it"),
            };
            T::packed_forward(matrix, m, a.matrix, after, c);
            return Ok(());
        }
        if b.transposed {
            bail!("a product has a right factor that is not row-major")
        }
        let a = if a.transposed { Matrix::transposed(a.matrix, m) } else { Matrix::row_major(a.matrix, k) };
        let epilogue = match epilogue {
            Epilogue::Set => kernels::Epilogue::Set,
            Epilogue::Add => kernels::Epilogue::Add,
            Epilogue::BiasActivation { bias, activation } => {
                kernels::Epilogue::BiasActivation { bias, activation }
            }
            Epilogue::ReluBackward { output, bias_grad, write } => {
                let bias_grad = &mut bias_grad[..n];
                if write == Write::Set {
                    bias_grad.fill(T::default());
                }
                kernels::Epilogue::ReluBackward { output, bias_grad }
            }
        };
        T::gemm([m, n, k], a, b.matrix, c, epilogue);
        Ok(())
    }

    fn encode(
        &self,
        [rows, features, columns]: [usize; 3],
        encoding: Encoding<&Buffer<T>>,
        x: &Buffer<T>,
        z: &mut Buffer<T>,
    ) -> Result<()> {
        let encoding = encoding.map(|part| &part[..columns]);
        T::encode(encoding, features, &x[..rows * features], &mut z[..rows * columns]);
        Ok(())
    }

    fn map(&self, function: MapKind, len: usize, x: &Buffer<T>, out: &mut Buffer<T>) -> Result<()> {
        T::map(function, &x[..len], &mut out[..len]);
        Ok(())
    }

    fn map_backward(
        &self,
        function: MapKind,
        len: usize,
        saved: &Buffer<T>,
        grad: &Buffer<T>,
        out: &mut Buffer<T>,
    ) -> Result<()> {
        T::map_backward(function, &saved[..len], &grad[..len], &mut out[..len]);
        Ok(())
    }

    fn norm(
        &self,
        kind: NormKind,
        [rows, columns]: [usize; 2],
        x: &Buffer<T>,
        scale: &Buffer<T>,
        shift: Option<&Buffer<T>>,
        out: &mut Buffer<T>,
    ) -> Result<()> {
        let shift = shift.map(|shift| &shift[..columns]);
        T::norm(kind, &x[..rows * columns], &scale[..columns], shift, out);
        Ok(())
    }

    fn norm_backward(
        &self,
        kind: NormKind,
        [rows, columns]: [usize; 2],
        [x, scale, grad]: [&Buffer<T>; 3],
        out: &mut Buffer<T>,
        terms: &mut Buffer<T>,
    ) -> Result<()> {
        T::norm_backward(kind, &x[..rows * columns], &scale[..columns], grad, out, terms);
        Ok(())
    }

    fn dropout(&self, dropout: Dropout, len: usize, x: &Buffer<T>, out: &mut Buffer<T>) -> Result<()> {
        T::dropout(dropout, &x[..len], &mut out[..len]);
        Ok(())
    }

    fn add(&self, len: usize, x: &Buffer<T>, y: &Buffer<T>, out: &mut Buffer<T>) -> Result<()> {
        T::add_slices(&x[..len], &y[..len], &mut out[..len]);
        Ok(())
    }

    fn column_sums(
        &self,
        [rows, columns]: [usize; 2],
        x: &Buffer<T>,
        write: Write,
        sums: &mut Buffer<T>,
    ) -> Result<()> {
        T::column_sums(&x[..rows * columns], write, &mut sums[..columns]);
        Ok(())
    }

    fn transpose(&self, [rows, columns]: [usize; 2], x: &Buffer<T>, out: &mut Buffer<T>) -> Result<()> {
        T::transpose(rows, columns, x, out);
        Ok(())
    }

    fn loss(
        &mut self,
        loss: Loss,
        len: usize,
        [weight, share]: [f64; 2],
        prediction: &Buffer<T>,
        target: &Buffer<T>,
        grad: &mut Buffer<T>,
    ) -> Result<()> {
        let (target, grad) = (&target[..len / loss.outputs()], &mut grad[..len]);
        self.status.loss += weight * T::loss(loss, share, &prediction[..len], target, grad);
        Ok(())
    }

    fn copy_columns(
        &self,
        rows: usize,
        columns: Columns,
        (x, width): (&Buffer<T>, usize),
        (out, out_width): (&mut Buffer<T>, usize),
    ) -> Result<()> {
        T::copy_columns(columns, (&x[..rows * width], width), (&mut out[..rows * out_width], out_width));
        Ok(())
    }

    fn set_divergence(&mut self, weight: Option<f64>) {
        self.divergence = weight;
    }

    fn expected_loss(
        &mut self,
        loss: ExpectedLoss,
        rows: usize,
        Operands { outputs, gate, bias, target }: Operands<&Buffer<T>>,
        [outputs_grad, gate_grad]: [&mut Buffer<T>; 2],
    ) -> Result<()> {
        let gate = gate.map(|gate| &gate[..]);
        let operands = Operands { outputs: &outputs[..], gate, bias, target: &target[..rows * loss.targets] };
        let [error, _] = T::expected_loss(loss, self.divergence, operands, outputs_grad, gate_grad);
        self.status.loss += rows as f64 * error;
        Ok(())
    }

    fn update(
        &self,
        update: &Update,
        parameter: &mut Buffer<T>,
        state: &mut [Buffer<T>],
        grad: &Buffer<T>,
    ) -> Result<()> {
        let len = parameter.len();
        T::update(update, parameter, &mut state.iter_mut().map(|state| &mut **state), &grad[..len])
    }

    fn reset_squares(&mut self) -> Result<()> {
        self.squares = 0.;
        Ok(())
    }

    fn add_squares(&mut self, len: usize, x: &Buffer<T>) -> Result<()> {
        self.squares += T::sum_of_squares(&x[..len]);
        Ok(())
    }

    fn pass(&self, pass: Pass, len: usize, x: &mut Buffer<T>, y: Option<&Buffer<T>>) -> Result<()> {
        T::pass(pass, self.squares, &mut x[..len], y.map_or(&[], |y| &y[..len]));
        Ok(())
    }

    fn reset_status(&mut self, loss: f64) -> Result<()> {
        self.status = Status { loss, not_finite: None };
        Ok(())
    }

    fn check(&mut self, slot: usize, len: usize, buffer: &Buffer<T>) -> Result<()> {
        if self.status.not_finite.is_none() && !T::all_finite(&buffer[..len]) {
            self.status.not_finite = Some(slot);
        }
        Ok(())
    }

    fn status(&self) -> Result<Status> {
        Ok(self.status.clone())
    }
}

/// The elements of a contiguous CPU tensor.
fn elements<'a, T: WithDType>(storage: &'a Storage, layout: &Layout) -> Result<&'a [T]> {
    match storage {
        Storage::Cpu(storage) => on_cpu(storage, layout),
        _ => bail!("expected a tensor on the CPU, found {layout:?}"),
    }
}

/// Lets `write` fill the elements of a contiguous CPU tensor.
fn assign<T: Element>(to: &Tensor, write: impl Fn(&mut [T])) -> Result<()> {
    to.inplace_op1(&Assign(write, PhantomData))
}

/// Lets a function write the elements of a contiguous CPU tensor.
struct Assign<T, F: Fn(&mut [T])>(F, PhantomData<T>);

impl<T: Element, F: Fn(&mut [T])> InplaceOp1 for Assign<T, F> {
    fn name(&self) -> &'static str {
        "assign"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (Some(to), Some((start, end))) = (T::slice_mut(storage), layout.contiguous_offsets()) else {
            bail!("assign: expected a contiguous {:?} tensor, found {layout:?}", T::DTYPE)
        };
        self.0(&mut to[start..end]);
        Ok(())
    }
}
