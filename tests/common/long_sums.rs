//! Sums over 2^20 rows in `f32`, on any device.

use candle_core::{DType, Device, Result, Tensor, Var};
use taper::ops::{Activation, batch_norm, layer_norm, linear_with, maximum, mul};

use crate::compare::{Tolerance, assert_close, values};

const LEN: usize = 1 << 20;

/// The gradient of a bias is the sum over the rows, and here that of 2^20 times 0.1.
pub fn bias_gradients_of_many_rows(device: &Device) {
    let close = Tolerance { rtol: 1e-6, atol: 0. };
    let expected = f64::from(0.1f32) * LEN as f64;
    for outputs in [1, 3] {
        let bias_grad = |activation| -> Result<Vec<f64>> {
            let x = Tensor::ones((LEN, 1), DType::F32, device)?;
            let weight = Tensor::ones((outputs, 1), x.dtype(), device)?;
            let bias = Var::ones(outputs, x.dtype(), device)?;
            let y = linear_with(&x, &weight, Some(&bias), activation)?;
            let loss = (y * f64::from(0.1f32))?.sum_all()?;
            Ok(values(loss.backward()?.get(&bias).unwrap()))
        };
        for activation in [Activation::Identity, Activation::Relu] {
            let what = format!("the bias of {outputs} outputs, {activation:?}");
            assert_close(&what, &bias_grad(activation).unwrap(), &vec![expected; outputs], close);
        }
    }
}

/// The gradient of a row that all rows are multiplied by, or compared with, is a sum over the rows too.
pub fn gradients_of_operands_that_are_broadcast(device: &Device) {
    let close = Tolerance { rtol: 1e-6, atol: 0. };
    let expected = f64::from(0.1f32) * LEN as f64;
    let x = Tensor::full(0.1f32, (LEN, 3), device).unwrap();
    let columns = Tensor::full(0.1f32, (3, LEN), device).unwrap();
    let grad = |z: fn(&Tensor, &Tensor) -> Result<Tensor>, x: &Tensor, row: &Var| {
        values(z(x, row).unwrap().sum_all().unwrap().backward().unwrap().get(row).unwrap())
    };
    let var = |shape: &[usize]| Var::ones(shape, DType::F32, device).unwrap();
    assert_close("mul by a row", &grad(mul, &x, &var(&[3])), &[expected; 3], close);
    assert_close("mul by a column", &grad(mul, &columns, &var(&[3, 1])), &[expected; 3], close);
    assert_close("mul by a number", &grad(mul, &x, &var(&[])), &[3. * expected], close);
    let times =
        |x: &Tensor, row: &Tensor| mul(&maximum(x, row)?, &Tensor::full(0.1f32, x.shape(), x.device())?);
    let shift = Tensor::zeros(3, DType::F32, device).unwrap();
    let rows = Tensor::new(&[1f32, -1., 0.], device).unwrap().broadcast_as((LEN, 3)).unwrap();
    let upstream = Tensor::full(0.1f32, (LEN, 3), device).unwrap();
    let scale = var(&[3]);
    let z = mul(&layer_norm(&rows, &scale, &shift).unwrap(), &upstream).unwrap();
    // The rows are divided by the root of 2 / 3 + 1e-5.
    let of_scale = expected / (2f64 / 3. + 1e-5).sqrt();
    let scale_grad = values(z.sum_all().unwrap().backward().unwrap().get(&scale).unwrap());
    assert_close("the scale of layer_norm", &scale_grad, &[of_scale, -of_scale, 0.], close);
    // Columns of as many 1 as -1, and an upstream gradient for the former alone.
    let signs = Tensor::new(&[[1f32], [-1.]], device).unwrap().broadcast_as((2, 3)).unwrap();
    let alternating =
        signs.unsqueeze(0).unwrap().broadcast_as((LEN / 2, 2, 3)).unwrap().reshape((LEN, 3)).unwrap();
    let upstream = (alternating.relu().unwrap() * 0.1).unwrap();
    let (scale, shift) = (var(&[3]), var(&[3]));
    let z = mul(&batch_norm(&alternating, &scale, &shift).unwrap(), &upstream).unwrap();
    let grads = z.sum_all().unwrap().backward().unwrap();
    let half = expected / 2.;
    let of_scale = [half / (1f64 + 1e-5).sqrt(); 3];
    assert_close("the scale of batch_norm", &values(grads.get(&scale).unwrap()), &of_scale, close);
    assert_close("the shift of batch_norm", &values(grads.get(&shift).unwrap()), &[half; 3], close);
    assert_close("maximum with a row", &grad(times, &x, &var(&[1, 3])), &[expected; 3], close);
}
