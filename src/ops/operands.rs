//! What every operation asks of its operands, and the words in which it refuses them.

use std::borrow::Cow;

use candle_core::{DType, Result, Shape, Tensor, bail};

/// Whether the operations compute in `dtype`.
fn is_supported(dtype: DType) -> bool {
    matches!(dtype, DType::F16 | DType::BF16 | DType::F32 | DType::F64)
}

/// `x` as an error message shows it, for example `F32 [2, 3] on Cpu`.
fn describe(x: &Tensor) -> String {
    format!("{:?} {:?} on {:?}", x.dtype(), x.dims(), x.device().location())
}

/// Checks the operand of a unary operation.
pub(super) fn check(op: &str, x: &Tensor) -> Result<()> {
    if !is_supported(x.dtype()) {
        bail!("{op}: x is {}, expected F16, BF16, F32 or F64", describe(x))
    }
    Ok(())
}

/// Checks the operands of a binary operation and broadcasts both to their common shape.
pub(super) fn broadcast<'a>(
    op: &'static str,
    x: &'a Tensor,
    y: &'a Tensor,
) -> Result<(Cow<'a, Tensor>, Cow<'a, Tensor>)> {
    let operands = || format!("{op}: x is {}, y is {}", describe(x), describe(y));
    if !x.device().same_device(y.device()) {
        if x.device().location() == y.device().location() {
            bail!("{}, expected both from one `Device`: two handles of a GPU are two devices", operands())
        }
        bail!("{}, expected both on one device", operands())
    }
    if x.dtype() != y.dtype() {
        bail!("{}, expected one dtype", operands())
    }
    if !is_supported(x.dtype()) {
        bail!("{}, expected F16, BF16, F32 or F64", operands())
    }
    if x.shape() == y.shape() {
        return Ok((Cow::Borrowed(x), Cow::Borrowed(y)));
    }
    let Ok(shape) = x.shape().broadcast_shape_binary_op(y.shape(), op) else {
        bail!("{}, the shapes do not broadcast", operands())
    };
    Ok((expand(x, &shape)?, expand(y, &shape)?))
}

/// `x` broadcast to `shape`, without a node in the graph when it has that shape already.
fn expand<'a>(x: &'a Tensor, shape: &Shape) -> Result<Cow<'a, Tensor>> {
    if x.shape() == shape { Ok(Cow::Borrowed(x)) } else { x.broadcast_as(shape).map(Cow::Owned) }
}
