//! Rewrites of a plan: the same results by fewer instructions, and by those that a device has.
//!
//! Fusing looks at neighbours through a peephole. A value that only the next instruction reads need not
//! exist, so what the next one does to it moves into the epilogue of the product that makes it:
//!
//! ```text
//! t <- A B + bias;  y <- relu(t)                      =>  y <- relu(A B + bias)
//! t <- A B;         s <- g + t                        =>  g <- g + A B
//! t <- sums of x;   s <- g + t                        =>  g <- g + sums of x
//! t <- A B;  z <- relu'(h) t;  g (+)= sums of z       =>  z <- (A B) [h > 0], g (+)= sums of z
//! ```

use super::instruction::{Access, Epilogue, Factor, Instruction, Rows, Value};
use super::numbered::Numbered;
use crate::ops::kernels::Write;
use crate::ops::{Activation, MapKind};

/// Fuses what can be fused. Values from the number `computed` on are computed by the instructions themselves.
pub(super) fn fuse(instructions: Vec<Instruction>, computed: usize) -> Vec<Instruction> {
    // Sums come before gradients of relus, since only then are the sums of columns next to them.
    fuse_relu_backward(fuse_sums(fuse_activations(instructions), computed))
}

/// How often each value is read.
struct Reads(Numbered<usize>);

impl Reads {
    fn new(instructions: &[Instruction]) -> Self {
        let mut reads = Numbered::default();
        for (value, access) in instructions.iter().flat_map(|instruction| instruction.operands()) {
            if access != Access::Write {
                *reads.place(value.number) += 1;
            }
        }
        Self(reads)
    }

    fn is_single(&self, value: Value) -> bool {
        self.0.get(value.number) == 1
    }
}

/// A relu moves into the product before it.
fn fuse_activations(instructions: Vec<Instruction>) -> Vec<Instruction> {
    let reads = Reads::new(&instructions);
    let mut fused: Vec<Instruction> = Vec::with_capacity(instructions.len());
    for instruction in instructions {
        if let Instruction::Map { function: MapKind::Relu, x, out: result } = instruction
            && let Some(Instruction::Gemm { epilogue, out, .. }) = fused.last_mut()
            && let Epilogue::BiasActivation { activation: activation @ Activation::Identity, .. } = epilogue
            && *out == x
            && reads.is_single(x)
        {
            (*activation, *out) = (Activation::Relu, result);
        } else {
            fused.push(instruction);
        }
    }
    fused
}

/// A sum moves into the instruction that makes its second term, and keeps the number of its first.
fn fuse_sums(instructions: Vec<Instruction>, computed: usize) -> Vec<Instruction> {
    let reads = Reads::new(&instructions);
    let mut fused: Vec<Instruction> = Vec::with_capacity(instructions.len());
    let mut renamed: Numbered<Option<usize>> = Numbered::default();
    for instruction in instructions {
        let rename =
            |value: Value| Value { number: renamed.get(value.number).unwrap_or(value.number), ..value };
        if let Instruction::Add { x, y, out } = instruction
            && x.number >= computed
            && reads.is_single(x)
            && reads.is_single(y)
            && let Some(last) = fused.last_mut()
            && let Some(sum) = added(last, rename(y), rename(x))
        {
            *last = sum;
            let sum = rename(x).number;
            *renamed.place(out.number) = Some(sum);
        } else {
            fused.push(instruction.renamed(rename));
        }
    }
    fused
}

/// The instruction that adds to `sum` what `instruction` writes to `term`, if there is one.
fn added(instruction: &Instruction, term: Value, sum: Value) -> Option<Instruction> {
    match *instruction {
        Instruction::Gemm { a, b, epilogue: Epilogue::Set, out } if out == term => {
            Some(Instruction::Gemm { a, b, epilogue: Epilogue::Add, out: sum })
        }
        Instruction::ColumnSums { x, write: Write::Set, out } if out == term => {
            Some(Instruction::ColumnSums { x, write: Write::Add, out: sum })
        }
        _ => None,
    }
}

/// The gradient of a relu and the sums of its columns move into the product before them, past an addition
/// that only reads that gradient.
fn fuse_relu_backward(instructions: Vec<Instruction>) -> Vec<Instruction> {
    let reads = Reads::new(&instructions);
    let mut fused: Vec<Instruction> = Vec::with_capacity(instructions.len());
    for instruction in instructions {
        let addition = fused.last().copied().filter(|last| matches!(last, Instruction::Add { .. }));
        let before = &fused[..fused.len() - usize::from(addition.is_some())];
        if let Instruction::ColumnSums { x, write, out: bias_grad } = instruction
            && let &[.., Instruction::Gemm { a, b, epilogue: Epilogue::Set, out: product }, relu] = before
            && let Instruction::MapBackward { function: MapKind::Relu, saved: output, grad, out } = relu
            && (product, x) == (grad, out)
            && reads.is_single(product)
        {
            fused.truncate(before.len() - 2);
            let epilogue = Epilogue::ReluBackward { output, bias_grad, write };
            fused.push(Instruction::Gemm { a, b, epilogue, out });
            fused.extend(addition);
        } else {
            fused.push(instruction);
        }
    }
    fused
}

/// Makes every right factor row-major, for a device whose products read it in the order of memory: a
/// transposed one is transposed once, before its first product. New values get numbers from `next` on.
pub(super) fn transpose_right_factors(instructions: Vec<Instruction>, mut next: usize) -> Vec<Instruction> {
    let mut transposed: Numbered<Option<Value>> = Numbered::default();
    let mut rewritten = Vec::with_capacity(instructions.len());
    for instruction in instructions {
        let Instruction::Gemm { a, b: Factor { matrix: x, transposed: true }, epilogue, out } = instruction
        else {
            rewritten.push(instruction);
            continue;
        };
        let plain = *transposed.place(x.number).get_or_insert_with(|| {
            // Right factors are weights, whose rows are fixed.
            let out = Value { number: next, rows: Rows::Fixed(x.columns), columns: x.rows.count(0) };
            next += 1;
            rewritten.push(Instruction::Transpose { x, out });
            out
        });
        rewritten.push(Instruction::Gemm { a, b: Factor::plain(plain), epilogue, out });
    }
    rewritten
}
