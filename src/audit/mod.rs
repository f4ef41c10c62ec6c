//! The gradient check over lists of functions: those of this crate, and Candle's own.
//!
//! [`run`] checks every case three times: at contiguous inputs, at strided ones, and, where Candle keeps the
//! graph of the backward ([`second_order_available`]), for second derivatives. Inputs are f64 and away from
//! ties; an operation that only takes f32 is checked in f32 with looser tolerances.
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
//! A case is a name, inputs, and a function, and belongs in the list of its kind: `own` for this crate; for Candle
//! `elementwise`, `reduce`, `shape`, `index`, `linear` (products, convolutions, pools), `nn` (functions) or `layers`.

mod elementwise;
mod index;
mod layers;
mod linear;
mod nn;
mod own;
mod reduce;
mod shape;

use candle_core::{DType, Device, Result, Tensor};

use crate::gradcheck::{Case, DTypePolicy, GradCheck, Row, Verdict, second_order_available};

/// The operations of this crate, its layers, its loss and its network at each depth.
///
/// # Errors
///
/// If Candle cannot make an input.
pub fn own_cases() -> Result<Vec<Case>> {
    own::cases()
}

/// Every differentiable operation of candle-core, and the layers, activations, losses and functions of candle-nn.
///
/// # Errors
///
/// If Candle cannot make an input.
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

/// Checks those of `cases` whose name contains `filter` on `device`: contiguous, strided, and, where the first of these is
/// right, at second order.
///
/// # Errors
///
/// If Candle cannot move an input there. What is wrong with a case is its row's verdict.
pub fn run(cases: &[Case], filter: &str, device: &Device) -> Result<Vec<Row>> {
    let second = second_order_available()?;
    let mut rows = vec![];
    for case in cases.iter().filter(|case| case.name().contains(filter)) {
        let case = case.on(device)?;
        rows.extend([case.run(), case.strided()?.run()]);
        if second && rows[rows.len() - 2].verdict == Verdict::Right {
            rows.push(case.second_order().run());
        }
    }
    Ok(rows)
}

/// Distinct f64 numbers in (-0.9, 0.9), none of them near zero, the same each time.
///
/// `salt` tells tensors of one shape apart.
fn numbers(shape: &[usize], salt: u8) -> Result<Tensor> {
    let n: usize = shape.iter().product();
    // Multiples of an irrational number are spread evenly, and no two of them meet.
    let spread = |i: usize| (i as f64 * 0.754_877_666 + f64::from(salt) * 0.569_840_291 + 0.37).fract();
    let away_from_zero = |u: f64| if u < 0.5 { 1.6 * u - 0.9 } else { 1.6 * u - 0.7 };
    let values: Vec<f64> = (0..n).map(|i| away_from_zero(spread(i))).collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// Distinct f64 numbers in (0.6, 2.4).
fn positive(shape: &[usize], salt: u8) -> Result<Tensor> {
    numbers(shape, salt)?.affine(1.0, 1.5)
}

/// Indices.
fn ids(ids: &[u32], shape: &[usize]) -> Result<Tensor> {
    Tensor::from_slice(ids, shape, &Device::Cpu)
}

/// The same case in f32, for what does not take f64.
fn coarse<F>(name: &str, inputs: &[Tensor], f: F) -> Result<Case>
where
    F: Fn(&[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
{
    let single = |x: &Tensor| if x.dtype() == DType::F64 { x.to_dtype(DType::F32) } else { Ok(x.clone()) };
    let inputs = inputs.iter().map(single).collect::<Result<_>>()?;
    Ok(Case::new(name, inputs, f).settings(GradCheck::new().dtypes(DTypePolicy::Loosen)))
}
