//! The checks of operands that all operations share, and their error messages.

use candle_core::{DType, Result, Tensor, bail};

/// Whether the operations support `dtype`.
fn is_supported(dtype: DType) -> bool {
    matches!(dtype, DType::F16 | DType::BF16 | DType::F32 | DType::F64)
}

/// `x` as an error message shows it, for example `F32 [2, 3] on Cpu`.
fn describe(x: &Tensor) -> String {
    format!("{:?} {:?} on {:?}", x.dtype(), x.dims(), x.device().location())
}

/// The operation and its named operands, as an error message starts with them.
pub(super) fn list(op: &str, operands: &[(&str, &Tensor)]) -> String {
    let operands: Vec<_> = operands.iter().map(|(name, x)| format!("{name} is {}", describe(x))).collect();
    format!("{op}: {}", operands.join(", "))
}

/// Checks the operand of a unary operation.
pub(super) fn check(op: &str, x: &Tensor) -> Result<()> {
    check_all(op, &[("x", x)])
}

/// Checks that the named operands are on one device and have one dtype, a supported one.
pub(super) fn check_all(op: &str, operands: &[(&str, &Tensor)]) -> Result<()> {
    let all = if operands.len() == 2 { "both" } else { "all" };
    for pair in operands.windows(2) {
        let [(_, x), (_, y)] = pair else { continue };
        if !x.device().same_device(y.device()) {
            let operands = list(op, operands);
            if x.device().location() == y.device().location() {
                bail!("{operands}, expected {all} from one `Device`: two handles of a GPU are two devices")
            }
            bail!("{operands}, expected {all} on one device")
        }
        if x.dtype() != y.dtype() {
            bail!("{}, expected one dtype", list(op, operands))
        }
    }
    if operands.iter().any(|(_, x)| !is_supported(x.dtype())) {
        bail!("{}, expected F16, BF16, F32 or F64", list(op, operands))
    }
    Ok(())
}

/// Checks the operands of a binary operation, whose shapes have to broadcast.
pub(super) fn check_broadcast(op: &'static str, x: &Tensor, y: &Tensor) -> Result<()> {
    let operands = [("x", x), ("y", y)];
    check_all(op, &operands)?;
    if x.shape().broadcast_shape_binary_op(y.shape(), op).is_err() {
        bail!("{}, the shapes do not broadcast", list(op, &operands))
    }
    Ok(())
}

/// Applies `op` to the operands, those of 16 bits widened to `f32` and the result rounded once.
pub(super) fn widened<const N: usize>(
    operands: [&Tensor; N],
    op: impl Fn([&Tensor; N]) -> Result<Tensor>,
) -> Result<Tensor> {
    let dtype = operands[0].dtype();
    if !matches!(dtype, DType::F16 | DType::BF16) {
        return op(operands);
    }
    let wide = operands.iter().map(|x| x.to_dtype(DType::F32)).collect::<Result<Vec<_>>>()?;
    op(std::array::from_fn(|k| &wide[k]))?.to_dtype(dtype)
}
