//! The operations on CUDA against the same operations on the CPU.
#![cfg(feature = "cuda")]

use candle_core::{DType, Device, Result, Tensor, Var};
use taper::ops::{cos, maximum, mul};

#[test]
fn smoke() -> Result<()> {
    let gpu = Device::new_cuda(0)?;
    let x = Tensor::new(&[1f32, 2., 3., 4., 5.], &Device::Cpu)?;
    let z = |d: &Device| -> Result<(Vec<f32>, Vec<f32>)> {
        let x = Var::from_tensor(&x.to_device(d)?)?;
        let y = maximum(&mul(&x, &cos(&x)?)?, &Tensor::new(0f32, d)?)?;
        let g = y.sqr()?.sum_all()?.backward()?;
        Ok((y.to_vec1()?, g.get(&x).unwrap().to_dtype(DType::F32)?.to_vec1()?))
    };
    println!("{:?}\n{:?}", z(&gpu)?, z(&Device::Cpu)?);
    Ok(())
}
