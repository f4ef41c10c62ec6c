//! Gradient checks of many functions at once: Candle's own operations, and those of this crate.
//!
//! [`run`] checks every case at contiguous and, apart from them, at strided inputs and, where Candle keeps
//! the graph of the backward pass ([`second_order_available`]), its second derivatives. Inputs are f64 and
//! away from ties; an operation that takes only f32 is checked in f32 with looser tolerances. The rows make a
//! [`table`](crate::gradcheck::table).
//!
//! ```
//! use candle_core::Device;
//! use taper::audit;
//! use taper::gradcheck::{Verdict, table};
//!
//! let rows = audit::run(&audit::candle_cases()?, "max_pool2d", &Device::Cpu)?;
//! println!("{}", table(&rows));
//! assert!(rows.iter().any(|row| row.verdict == Verdict::Wrong));
//! # Ok::<(), candle_core::Error>(())
//! ```
//!
//! On the command line this is
//!
//! ```text
//! taper gradcheck                           # every operation, layer and network of this crate
//! taper gradcheck --candle --filter pool    # Candle's own operations
//! ```
//!
//! # Findings in Candle 0.11.1
//!
//! [`candle_cases`] covers every differentiable function of candle-core and candle-nn: 647 checks at
//! contiguous inputs, at strided inputs and at second order.
//!
//! | verdict | checks | |
//! |---|---|---|
//! | right | 529 | |
//! | wrong | 29 | the backward or the forward pass gives wrong numbers, without an error |
//! | severed | 9 | no gradient arrives, without an error |
//! | fails | 7 | the backward pass returns an error |
//! | unsupported | 28 | there is no backward, and an error says so |
//! | not differentiable by design | 24 | integer outputs, derivatives that are zero wherever they exist |
//! | unchecked | 21 | the function refuses strided inputs |
//!
//! What is not right, by operation:
//!
//! | operation | verdict | finding |
//! |---|---|---|
//! | `max_pool2d` | wrong | the gradient is divided by the size of the window: 0.25 instead of 1 at 2 x 2 |
//! | `max_pool2d`, `avg_pool2d` with a remainder | wrong | the backward stretches windows over it |
//! | `scatter` | wrong | overwritten elements keep a gradient |
//! | `scatter_add` | wrong | elements that are added to lose their gradient |
//! | `scatter_add`, if index and target differ in shape | fails | shape mismatch in the backward |
//! | `gather`, `nll`, `cross_entropy` at second order | fails | the backward of `gather` is `scatter_add` |
//! | `conv_transpose1d`, batch > 1 | wrong forward | mixes the samples of the batch |
//! | `conv1d`, batch > 1 | wrong | the backward is `conv_transpose1d` |
//! | `conv1d`, non-contiguous kernel | wrong forward | the kernel is copied, but its old storage is used |
//! | `conv2d`, stride > 1 and a remainder in one axis | fails | one output padding is used for both axes |
//! | `upsample_nearest*`, `interpolate*` | wrong | overwrite the gradient of the input's other uses |
//! | `unfold` with overlapping windows | fails | the backward only reshapes |
//! | `softmax_last_dim`, `layer_norm`, `rms_norm` | severed | no backward; [`replacements`] names ours |
//! | `rope`, `rope_i`, `rope_thd`, `flash_attn` | severed | no backward |
//! | `LayerNorm`, `RmsNorm` at contiguous inputs | severed | call `layer_norm` and `rms_norm` |
//! | `flash_attn` at strided inputs | wrong forward | reads elements outside the view |
//! | `conv_transpose1d`, and `conv1d` at second order | unsupported | an error says so |
//! | pools with a stride other than the window | unsupported | an error says so |
//! | bilinear upsampling, nearest by different or fractional factors | unsupported | an error says so |
//!
//! `tests/gradcheck/candle_findings.rs` reproduces the main findings in a few lines of plain Candle each.
//! `tests/gradcheck/audit.rs` compares all verdicts with those recorded in `tests/reference/audit.txt`, so an
//! upgrade of Candle shows what has changed.
//!
//! # Adding a case
//!
//! A case is a name, inputs and a function. It belongs in the list of its kind: `own` for this crate; for
//! Candle `elementwise`, `reduce`, `shape`, `index`, `linear` (products, convolutions, pools), `nn`
//! (functions) or `layers`.

mod elementwise;
mod index;
mod inputs;
mod layers;
mod linear;
mod nn;
mod own;
mod reduce;
mod replacements;
mod shape;

use candle_core::{Device, Result};

use crate::gradcheck::{Case, Context, Row, Verdict, second_order_available};
pub use replacements::replacements;

/// Returns the cases of this crate: its operations, layers and loss, and its network at each depth.
///
/// # Errors
///
/// If Candle cannot create an input.
pub fn own_cases() -> Result<Vec<Case>> {
    own::cases()
}

/// Returns the cases of Candle: every differentiable operation of candle-core, and the layers, activations,
/// losses and functions of candle-nn.
///
/// # Errors
///
/// If Candle cannot create an input.
pub fn candle_cases() -> Result<Vec<Case>> {
    let mut cases = vec![];
    for list in [
        elementwise::cases,
        reduce::cases,
        shape::cases,
        index::cases,
        linear::cases,
        nn::cases,
        layers::cases,
    ] {
        cases.extend(list()?);
    }
    Ok(cases)
}

/// Checks those `cases` whose name contains `filter` on `device`.
///
/// Each gives a row for contiguous and one for strided inputs and, if second derivatives are available and
/// the first row is right, one for second derivatives.
///
/// # Errors
///
/// If Candle cannot move an input to the device. A case that fails is the verdict of its row.
pub fn run(cases: &[Case], filter: &str, device: &Device) -> Result<Vec<Row>> {
    let second = second_order_available()?;
    let mut rows = vec![];
    for case in cases.iter().filter(|case| case.name().contains(filter)) {
        let case = case.on(device)?.contexts(&[Context::Intermediate, Context::Alone]);
        let contiguous = case.run();
        let right = contiguous.verdict == Verdict::Right;
        rows.extend([contiguous, case.strided()?.run()]);
        if second && right {
            rows.push(case.second_order().run());
        }
    }
    Ok(rows)
}
