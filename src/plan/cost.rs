//! What an instruction costs: floating-point operations, and bytes that it reads and writes.

use super::instruction::{Access, Epilogue, Instruction, Value, expected_loss};
use crate::ops::Activation;
use crate::optim::OptimizerConfig;

/// The floating-point operations of `instruction` for `rows` rows; a multiplication and an addition are two,
/// a function of an element is one.
pub(super) fn flops(instruction: &Instruction, rows: usize, optimizer: Option<&OptimizerConfig>) -> u64 {
    let flops = match *instruction {
        Instruction::Gemm { a, b, epilogue, out } => {
            let ([m, k], [_, n]) = (a.shape(rows), b.shape(rows));
            let after = match epilogue {
                Epilogue::Set => 0,
                Epilogue::Add => 1,
                Epilogue::BiasActivation { activation, .. } => {
                    1 + usize::from(activation != Activation::Identity)
                }
                // A choice and a sum.
                Epilogue::ReluBackward { .. } => 2,
            };
            2 * m * n * k + after * out.len(rows)
        }
        // A product, a sum and two choices.
        Instruction::Encode { out, .. } => 4 * out.len(rows),
        Instruction::Map { out, .. } | Instruction::Add { out, .. } => out.len(rows),
        // A choice and a product, or the function and a product.
        Instruction::MapBackward { out, .. } | Instruction::Dropout { out, .. } => 2 * out.len(rows),
        Instruction::Norm { kind, x, .. } => kind.flops()[0] * x.len(rows),
        Instruction::NormBackward { kind, x, .. } => kind.flops()[1] * x.len(rows),
        Instruction::ColumnSums { x, .. } => x.len(rows),
        Instruction::Transpose { .. } | Instruction::Columns { .. } => 0,
        Instruction::ExpectedLoss { prior, ref operands, .. } => {
            expected_loss(prior, operands).flops() * operands.target.rows.count(rows)
        }
        Instruction::Loss { loss, prediction, .. } => loss.flops() * prediction.len(rows),
        Instruction::Update { parameter, .. } => {
            optimizer.map_or(0, OptimizerConfig::flops) * parameter.len(rows)
        }
    };
    flops as u64
}

/// The bytes that `instruction` reads and writes for `rows` rows of elements of `size` bytes.
pub(super) fn bytes(
    instruction: &Instruction,
    rows: usize,
    size: usize,
    optimizer: Option<&OptimizerConfig>,
) -> u64 {
    let touched = |&(value, access): &(Value, Access)| {
        let times = if access == Access::Modify { 2 } else { 1 };
        times * value.len(rows)
    };
    let operands: usize = instruction.operands().map(|operand| touched(&operand)).sum();
    let state = match (instruction, optimizer) {
        (Instruction::Update { parameter, .. }, Some(optimizer)) => {
            2 * optimizer.state_names().len() * parameter.len(rows)
        }
        _ => 0,
    };
    ((operands + state) * size) as u64
}
