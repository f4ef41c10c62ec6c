//! A training loop on the kit alone: layers, the loss, AdamW and a seeded random stream; no files and no
//! settings.
//!
//! ```text
//! cargo run --release --no-default-features --example train_loop
//! ```

use std::error::Error;

use candle_core::{DType, Device, Module, Tensor, Var};
use candle_nn::{Optimizer, VarMap};
use rand::Rng;
use taper::nn::{Linear, named_vars, seeded_builder};
use taper::ops::{Activation, mse};
use taper::optim::{AdamW, AdamWConfig};
use taper::random::{Stream, generator};

const ROWS: usize = 512;
const STEPS: usize = 400;

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::cuda_if_available(0)?;

    // y = sin(3 x) on (-1, 1)
    let mut rng = generator(1, Stream::Data, 0);
    let x: Vec<f32> = (0..ROWS).map(|_| rng.random_range(-1f32..1.)).collect();
    let y: Vec<f32> = x.iter().map(|x| (3. * x).sin()).collect();
    let x = Tensor::from_vec(x, (ROWS, 1), &device)?;
    let y = Tensor::from_vec(y, (ROWS, 1), &device)?;

    let vars = VarMap::new();
    let vb = seeded_builder(&vars, generator(1, Stream::Init, 0), DType::F32, &device);
    let hidden = Linear::new(1, 32, true, vb.pp("hidden"))?;
    let output = Linear::new(32, 1, true, vb.pp("output"))?;
    let forward = |x: &Tensor| output.forward(&hidden.forward_with(x, Activation::Relu)?);

    let parameters: Vec<Var> = named_vars(&vars).into_iter().map(|(_, var)| var).collect();
    let mut optimizer = AdamW::new(parameters, AdamWConfig { lr: 1e-2, ..AdamWConfig::default() })?;

    let mut loss = mse(&forward(&x)?, &y)?;
    let start = loss.to_scalar::<f32>()?;
    for step in 0..STEPS {
        if step % 100 == 0 {
            println!("step {step:3}: mse {:.5}", loss.to_scalar::<f32>()?);
        }
        optimizer.backward_step(&loss)?;
        loss = mse(&forward(&x)?, &y)?;
    }
    let end = loss.to_scalar::<f32>()?;
    println!("step {STEPS}: mse {end:.5}");
    if end < start / 100. { Ok(()) } else { Err(format!("mse {start} became {end}, expected less").into()) }
}
