//! The instructions of a plan and the matrices they work on.

use crate::ops::kernels::{Columns, Encoding, ExpectedLoss, Operands, Write};
use crate::ops::{Activation, Loss, MapKind, NormKind, Prior};

/// The number of rows of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Rows {
    /// As many as the batch has.
    Batch,
    /// Always this many.
    Fixed(usize),
}

impl Rows {
    /// The number of rows in a batch of `batch` rows.
    pub(crate) fn count(self, batch: usize) -> usize {
        match self {
            Self::Batch => batch,
            Self::Fixed(rows) => rows,
        }
    }
}

/// A row-major matrix with the number of its buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Value {
    pub(crate) number: usize,
    pub(crate) rows: Rows,
    pub(crate) columns: usize,
}

impl Value {
    /// The number of elements in a batch of `batch` rows.
    pub(crate) fn len(self, batch: usize) -> usize {
        self.rows.count(batch) * self.columns
    }
}

/// A factor of a product: a matrix or its transpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Factor<M = Value> {
    pub(crate) matrix: M,
    pub(crate) transposed: bool,
}

impl<M> Factor<M> {
    pub(super) fn plain(matrix: M) -> Self {
        Self { matrix, transposed: false }
    }

    pub(super) fn transposed(matrix: M) -> Self {
        Self { matrix, transposed: true }
    }
}

impl Factor {
    /// The rows and columns of the factor in a batch of `batch` rows.
    pub(super) fn shape(self, batch: usize) -> [usize; 2] {
        let [rows, columns] = [self.matrix.rows.count(batch), self.matrix.columns];
        if self.transposed { [columns, rows] } else { [rows, columns] }
    }
}

/// What a product A B does on the way to its result C. `R` is a matrix that is read, `W` one that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Epilogue<R = Value, W = R> {
    /// C <- A B.
    Set,
    /// C <- C + A B.
    Add,
    /// C <- act(A B + bias), the bias in each row.
    BiasActivation {
        /// (1, columns).
        bias: R,
        /// The function act.
        activation: Activation,
    },
    /// C <- (A B) [output > 0], the gradient through a relu whose result was `output`, and `bias_grad` <- the
    /// sums of C's columns.
    ReluBackward {
        /// The relu's result, in the shape of C.
        output: R,
        /// (1, columns).
        bias_grad: W,
        /// Whether the sums replace what is in `bias_grad` or are added to it.
        write: Write,
    },
}

/// One step of a plan. `out` never shares its buffer with an operand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Instruction {
    /// out <- A B, as the epilogue says.
    Gemm { a: Factor, b: Factor, epilogue: Epilogue, out: Value },
    /// out <- the features x encoded.
    Encode { encoding: Encoding<Value>, x: Value, out: Value },
    /// out <- f(x), elementwise.
    Map { function: MapKind, x: Value, out: Value },
    /// out <- f'(.) grad, elementwise, from the operand or the result of f, whichever [`MapKind::saves`].
    MapBackward { function: MapKind, saved: Value, grad: Value, out: Value },
    /// out <- x normalised, times the scale (1, columns), and plus the shift if there is one.
    Norm { kind: NormKind, x: Value, scale: Value, shift: Option<Value>, out: Value },
    /// out <- the gradient through the normalisation of x, and terms <- that of its scale before it is summed
    /// over the rows.
    NormBackward { kind: NormKind, x: Value, scale: Value, grad: Value, out: Value, terms: Value },
    /// out <- x with each element replaced by 0 with probability `rate` and the others divided by 1 - `rate`,
    /// by the mask of the step and of this application of the hidden layer; forward and backward.
    Dropout { rate: f64, application: usize, x: Value, out: Value },
    /// out <- x + y.
    Add { x: Value, y: Value, out: Value },
    /// out (1, columns) <- the sums of x's columns, or added to it.
    ColumnSums { x: Value, write: Write, out: Value },
    /// out <- x^T.
    Transpose { x: Value, out: Value },
    /// Some columns of out <- columns of x; forward and backward.
    Columns { columns: Columns, x: Value, out: Value },
    /// The loss grows by a share of that of the prediction times the rows of the batch; grad <- the same
    /// share of its derivative by the prediction.
    Loss { loss: Loss, share: f64, prediction: Value, target: Value, grad: Value },
    /// The loss grows by the error that is expected over depths times the rows of the batch; the gradients <-
    /// those of the whole [`ExpectedLoss`] by the outputs and by the logits, at the device's weight of the
    /// divergence from the prior.
    ExpectedLoss { prior: Prior, operands: Operands<Value>, outputs_grad: Value, gate_grad: Value },
    /// The optimiser updates a parameter with its gradient.
    Update { parameter: Value, grad: Value },
}

/// The expected loss of these operands.
pub(super) fn expected_loss(prior: Prior, operands: &Operands<Value>) -> ExpectedLoss {
    let targets = operands.target.columns;
    ExpectedLoss { depths: operands.outputs.columns / targets.max(1), targets, prior }
}

/// How an instruction uses a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
    /// Reads what is there and replaces it.
    Modify,
}

impl From<Write> for Access {
    fn from(write: Write) -> Self {
        match write {
            Write::Set => Self::Write,
            Write::Add => Self::Modify,
        }
    }
}

impl Instruction {
    /// Calls `f` with every matrix of the instruction, those that are read first.
    pub(super) fn visit(&mut self, mut f: impl FnMut(&mut Value, Access)) {
        match self {
            Self::Gemm { a, b, epilogue, out } => {
                f(&mut a.matrix, Access::Read);
                f(&mut b.matrix, Access::Read);
                match epilogue {
                    Epilogue::Set => f(out, Access::Write),
                    Epilogue::Add => f(out, Access::Modify),
                    Epilogue::BiasActivation { bias, .. } => {
                        f(bias, Access::Read);
                        f(out, Access::Write);
                    }
                    Epilogue::ReluBackward { output, bias_grad, write } => {
                        f(output, Access::Read);
                        f(bias_grad, (*write).into());
                        f(out, Access::Write);
                    }
                }
            }
            Self::Map { x, out, .. }
            | Self::Dropout { x, out, .. }
            | Self::Transpose { x, out }
            | Self::Columns { x, out, .. } => {
                f(x, Access::Read);
                f(out, Access::Write);
            }
            Self::Encode { encoding: Encoding { feature, scale, shift, low, high, bend }, x, out } => {
                for operand in [feature, scale, shift, low, high].into_iter().chain(bend).chain([x]) {
                    f(operand, Access::Read);
                }
                f(out, Access::Write);
            }
            Self::MapBackward { saved: x, grad: y, out, .. } | Self::Add { x, y, out } => {
                f(x, Access::Read);
                f(y, Access::Read);
                f(out, Access::Write);
            }
            Self::Norm { x, scale, shift, out, .. } => {
                f(x, Access::Read);
                f(scale, Access::Read);
                if let Some(shift) = shift {
                    f(shift, Access::Read);
                }
                f(out, Access::Write);
            }
            Self::NormBackward { x, scale, grad, out, terms, .. } => {
                for operand in [x, scale, grad] {
                    f(operand, Access::Read);
                }
                f(out, Access::Write);
                f(terms, Access::Write);
            }
            Self::ColumnSums { x, write, out } => {
                f(x, Access::Read);
                f(out, (*write).into());
            }
            Self::Loss { prediction, target, grad, .. } => {
                f(prediction, Access::Read);
                f(target, Access::Read);
                f(grad, Access::Write);
            }
            Self::ExpectedLoss { operands, outputs_grad, gate_grad, .. } => {
                let Operands { outputs, gate, bias, target } = operands;
                for operand in [outputs, bias, target].into_iter().chain(gate) {
                    f(operand, Access::Read);
                }
                f(outputs_grad, Access::Write);
                f(gate_grad, Access::Write);
            }
            Self::Update { parameter, grad } => {
                f(grad, Access::Read);
                f(parameter, Access::Modify);
            }
        }
    }

    /// Every matrix of the instruction with how it is used.
    pub(super) fn operands(mut self) -> impl Iterator<Item = (Value, Access)> + Clone {
        // No instruction has more; a list of each would cost more than all else of making a plan.
        let (mut operands, mut count) = ([None; 8], 0);
        self.visit(|value, access| {
            operands[count] = Some((*value, access));
            count += 1;
        });
        operands.into_iter().flatten()
    }

    /// The same instruction with other matrices.
    pub(super) fn renamed(mut self, mut rename: impl FnMut(Value) -> Value) -> Self {
        self.visit(|value, _| *value = rename(*value));
        self
    }
}
