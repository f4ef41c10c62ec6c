//! An operation of your own: the softplus ln(1 + exp(x)) as a custom operation of Candle, with its gradient
//! checked.
//!
//! ```text
//! cargo run --example custom_op
//! ```

use std::error::Error;

use candle_core::cpu_backend::unary_map;
use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor, bail};
use taper::gradcheck::{gradcheck, gradgradcheck, second_order_available, strided};

struct Softplus;

/// ln(1 + exp(x)), in the form that does not overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.) + (-x.abs()).exp().ln_1p()
}

impl CustomOp1 for Softplus {
    fn name(&self) -> &'static str {
        "softplus"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = match x {
            CpuStorage::F32(x) => CpuStorage::F32(unary_map(x, layout, |x| softplus(x.into()) as f32)),
            CpuStorage::F64(x) => CpuStorage::F64(unary_map(x, layout, softplus)),
            _ => bail!("softplus takes f32 and f64"),
        };
        Ok((y, layout.shape().clone()))
    }

    /// dy/dx = 1 / (1 + exp(-x)), made of operations that have a backward of their own: so there is a second
    /// derivative, too.
    fn bwd(&self, x: &Tensor, _y: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        let slope = (x.neg()?.exp()? + 1.)?.recip()?;
        Ok(Some((upstream * slope)?))
    }
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let f = |x: &[Tensor]| x[0].apply_op1(Softplus);
    let x = [Tensor::new(&[[0.5f64, -1.5, 2.], [0.1, 0.7, -30.]], &Device::Cpu)?];

    println!("{}", gradcheck(f, &x)?);
    // The same numbers with gaps between them: an operation that ignores the layout fails here.
    println!("{}", gradcheck(f, &[strided(&x[0])?])?);

    // Second derivatives need CANDLE_GRAD_DO_NOT_DETACH=1 in the environment.
    if second_order_available()? {
        println!("{}", gradgradcheck(f, &x)?);
    }

    // A mistake, and what the report says: x^2 has a value here, but no gradient.
    let wrong = |x: &[Tensor]| x[0].apply_op1(Softplus)? + x[0].detach().sqr()?;
    match gradcheck(wrong, &x) {
        Ok(_) => Err("a wrong gradient has passed".into()),
        Err(error) => {
            println!("{error}");
            Ok(())
        }
    }
}
