//! The operations among Candle's own on CUDA: graphs, second derivatives, and what the kernels leave alone.

use crate::compare::{Tolerance, assert_close, values};
use crate::derivatives;
use crate::parity::{DTYPES, Numbers, gpu, value_and_gradients};
use crate::second_order::with_second_order;
use candle_core::{D, DType, Device, Result, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use taper::ops::{TieGrad, cos, maximum, maximum_with, mul, relu};

#[test]
fn derivatives_of_every_order_are_right() {
    with_second_order("graphs::derivatives_of_every_order_are_right", || derivatives::check(&gpu()).unwrap());
}

/// Numbers in (-1, 1) that do not tie.
fn uniform(shape: &[usize], rng: &mut ChaCha8Rng) -> Tensor {
    let values: Vec<f64> = (0..shape.iter().product()).map(|_| rng.random_range(-1f64..1.)).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Products, sums, slices, gathers and all operations, each operand used more than once.
fn graph(x: &[Tensor]) -> Result<Tensor> {
    let [x, w, b] = x else { unreachable!() };
    let h = relu(&x.matmul(&cos(w)?.t()?)?.broadcast_add(b)?)?;
    let rows = Tensor::new(&[4u32, 0, 0, 2], x.device())?;
    let picked = h.index_select(&rows, 0)?;
    let pairs = maximum(&picked.narrow(1, 0, 3)?, &picked.narrow(1, 3, 3)?)?;
    let shares = candle_nn::ops::softmax(&mul(&pairs, &pairs.t()?.narrow(0, 0, 1)?.t()?)?, D::Minus1)?;
    let means = mul(&shares, b.narrow(0, 1, 3)?.as_ref())?.mean_keepdim(0)?;
    maximum_with(&cos(&means)?, &mul(&means, &x.mean_all()?)?, TieGrad::First)
}

#[test]
fn operations_mix_with_those_of_candle() {
    let gpu = gpu();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let inputs = [[5, 4].as_slice(), &[6, 4], &[6]].map(|shape| uniform(shape, &mut rng));
    let upstream = uniform(&[1, 3], &mut rng);
    for (dtype, tolerance) in [
        (DType::F64, Tolerance { rtol: 1e-12, atol: 1e-12 }),
        (DType::F32, Tolerance { rtol: 1e-5, atol: 1e-5 }),
    ] {
        let inputs = inputs.each_ref().map(|x| x.to_dtype(dtype).unwrap());
        let upstream = upstream.to_dtype(dtype).unwrap();
        let on = |device| value_and_gradients(graph, &inputs, &upstream, device).unwrap();
        for (k, (there, here)) in on(&gpu).iter().zip(&on(&Device::Cpu)).enumerate() {
            assert!(k == 0 || values(here).iter().any(|g| g.abs() > 1e-3), "gradient {k} is nothing");
            assert_close(&format!("{dtype:?}, result {k}"), &values(there), &values(here), tolerance);
        }
    }
}

/// Results are fresh memory, and operands stay what they were.
#[test]
fn operands_are_not_written() {
    let gpu = gpu();
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for dtype in DTYPES {
        let x = Numbers::Plain.tensor(&[3, 11], dtype, &mut rng);
        let there = Var::from_tensor(&x.to_device(&gpu).unwrap()).unwrap();
        let view = there.narrow(1, 2, 5).unwrap();
        for z in [mul(&view, &view), maximum(&view, &view), relu(&view), cos(&there)] {
            z.unwrap().sqr().unwrap().sum_all().unwrap().backward().unwrap();
        }
        assert_eq!(values(&there.to_device(&Device::Cpu).unwrap()), values(&x), "{dtype:?}");
    }
}

/// Candle panics when a backward returns no gradient for a tracked operand, and needs none for a constant.
#[test]
fn constants_get_no_gradient() {
    let gpu = gpu();
    let x = Var::new(&[1f32, 2.], &gpu).unwrap();
    let constant = Tensor::new(&[3f32, 1.], &gpu).unwrap();
    for apply in [mul, maximum] {
        for (a, b) in [(x.as_tensor(), &constant), (&constant, x.as_tensor())] {
            let grads = apply(a, b).unwrap().backward().unwrap();
            assert!(grads.get(&x).is_some() && grads.get(&constant).is_none());
        }
    }
}

/// Each device handle loads the kernels for itself, and each thread may have one.
#[test]
fn devices_of_several_threads_do_not_meet() {
    let results: Vec<Vec<f64>> = std::thread::scope(|scope| {
        let run = || {
            let gpu = gpu();
            let x = Tensor::arange(0f64, 1000., &gpu).unwrap();
            let z = maximum(&mul(&x, &cos(&x).unwrap()).unwrap(), &cos(&x).unwrap()).unwrap();
            z.to_vec1::<f64>().unwrap()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let expected: Vec<f64> = (0..1000).map(f64::from).map(|x| (x * x.cos()).max(x.cos())).collect();
    for result in results {
        assert_close("thread", &result, &expected, Tolerance { rtol: 1e-15, atol: 1e-12 });
    }
}

/// A tensor may change its device within a graph, and its gradient comes back the same way.
#[test]
fn gradients_cross_devices() {
    let x = Var::new(&[1f32, 2.], &Device::Cpu).unwrap();
    let there = mul(&x, &x).unwrap().to_device(&gpu()).unwrap();
    let grads = mul(&there, &there).unwrap().sum_all().unwrap().backward().unwrap();
    assert_eq!(grads.get(&x).unwrap().to_vec1::<f32>().unwrap(), [4., 32.]);
}
