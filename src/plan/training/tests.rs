//! That no element which is not finite is overlooked, wherever it is.

use candle_core::{DType, Device as CandleDevice, Tensor};
use candle_nn::VarMap;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::nn::{ModelConfig, seeded_builder};
use crate::optim::{AdamWConfig, OptimizerConfig};
use crate::plan::cpu::Cpu;
#[cfg(feature = "cuda")]
use crate::plan::cuda::{Cuda, Element};

const NOT_FINITE: [f64; 3] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];

fn adamw() -> OptimizerConfig {
    OptimizerConfig::AdamW(AdamWConfig::default())
}

/// A device of a plan that computes in a dtype.
trait Machine: Device + Sized {
    const DTYPE: DType;

    /// With a slot for each parameter.
    fn new() -> (Self, CandleDevice);

    /// Fills the start of `to`.
    fn fill(&self, elements: Vec<f64>, to: &mut Self::Buffer, on: &CandleDevice) {
        let len = elements.len();
        let x = Tensor::from_vec(elements, len, &CandleDevice::Cpu).unwrap();
        let x = x.to_dtype(Self::DTYPE).unwrap().to_device(on).unwrap();
        self.load(&x, Stored::Plain, to).unwrap();
    }
}

macro_rules! machine {
    ($type:ident, $dtype:ident) => {
        impl Machine for Cpu<$type> {
            const DTYPE: DType = DType::$dtype;

            fn new() -> (Self, CandleDevice) {
                (Self::new(), CandleDevice::Cpu)
            }
        }

        #[cfg(feature = "cuda")]
        impl Machine for Cuda<$type> {
            const DTYPE: DType = DType::$dtype;

            fn new() -> (Self, CandleDevice) {
                on_cuda::<$type>()
            }
        }
    };
}

machine!(f32, F32);
machine!(f64, F64);

#[cfg(feature = "cuda")]
fn on_cuda<T: Element>() -> (Cuda<T>, CandleDevice) {
    let candle = CandleDevice::new_cuda(0).unwrap();
    let CandleDevice::Cuda(cuda) = &candle else { panic!("not CUDA") };
    (Cuda::<T>::new(cuda, 6, &adamw()).unwrap(), candle)
}

/// The first and the last element of vectors of every width, and one within.
fn is_at_a_boundary(position: usize) -> bool {
    matches!(position % 4, 0 | 1 | 3)
}

/// Every length around those of vectors, each with every position; and more than a launch has threads.
fn every_position_of_a_buffer<D: Machine>() {
    let (mut device, on) = D::new();
    let mut hold = |len: usize, position: Option<usize>, bad: f64| {
        // What lies behind is not checked.
        let mut elements = vec![1.; len];
        elements.push(f64::NAN);
        if let Some(position) = position {
            elements[position] = bad;
        }
        let mut buffer = device.zeros(len + 1).unwrap();
        device.fill(elements, &mut buffer, &on);
        device.reset_status(0.).unwrap();
        device.check(2, len, &buffer).unwrap();
        let expected = position.map(|_| 2);
        assert_eq!(device.status().unwrap().not_finite, expected, "{bad} at {position:?} of {len}");
    };
    for len in 1..=35 {
        hold(len, None, 0.);
        for position in 0..len {
            for bad in NOT_FINITE {
                hold(len, Some(position), bad);
            }
        }
    }
    let threads = 4096 * 256;
    hold(threads + 3, None, 0.);
    for position in [0, 255, 256, threads - 1, threads, threads + 2] {
        hold(threads + 3, Some(position), f64::NAN);
    }
}

/// Every parameter and every gradient is checked from its first to its last element, under its own number.
fn every_position_of_a_parameter_and_its_gradient<D: Machine>() {
    let (device, on) = D::new();
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, ChaCha8Rng::seed_from_u64(1), D::DTYPE, &on);
    // Rows of a weight that are no whole vectors.
    let net =
        DynamicNet::new(&ModelConfig { hidden: 9, ..ModelConfig::default() }.network(5, 2), vb).unwrap();
    let mut training = Training::new(device, &net, Loss::Mse, adamw().into(), 0).unwrap();
    training.prepare(3, 1).unwrap();
    let gradients = training.plans[&1].gradients.clone();
    let count = training.parameters.len();
    assert_eq!((gradients.len(), count), (6, 6));
    for (i, (parameter, grad)) in gradients.into_iter().enumerate() {
        let (name, len) = {
            let parameter = &training.parameters[parameter.number];
            (parameter.name.clone(), parameter.tensor.elem_count())
        };
        assert_eq!((parameter.number, grad.len(0)), (i, len), "{name}");
        let mut hold = |position: usize, bad: f64| {
            let what = format!("{name}: {bad} at {position} of {len}");
            for is_parameter in [true, false] {
                for (x, found) in [(bad, Some(i)), (0., None)] {
                    let mut elements = vec![0.; len];
                    elements[position] = x;
                    let Training { device, values, others, .. } = &mut training;
                    let buffer = if is_parameter {
                        &mut values[i]
                    } else {
                        others[grad.number - count].as_mut().unwrap()
                    };
                    device.fill(elements, buffer, &on);
                    device.reset_status(0.).unwrap();
                    let status = if is_parameter {
                        training.checked_parameters().unwrap()
                    } else {
                        training.checked_gradients(1).unwrap()
                    };
                    assert_eq!(status.not_finite, found, "{what}, parameter: {is_parameter}");
                }
            }
        };
        for position in (0..len).filter(|&p| is_at_a_boundary(p) || p == len - 1) {
            for bad in NOT_FINITE {
                hold(position, bad);
            }
        }
    }
}

#[test]
fn every_position_is_checked() {
    every_position_of_a_buffer::<Cpu<f32>>();
    every_position_of_a_buffer::<Cpu<f64>>();
    every_position_of_a_parameter_and_its_gradient::<Cpu<f32>>();
    every_position_of_a_parameter_and_its_gradient::<Cpu<f64>>();
}

#[cfg(feature = "cuda")]
#[test]
fn every_position_is_checked_on_cuda() {
    every_position_of_a_buffer::<Cuda<f32>>();
    every_position_of_a_buffer::<Cuda<f64>>();
    every_position_of_a_parameter_and_its_gradient::<Cuda<f32>>();
    every_position_of_a_parameter_and_its_gradient::<Cuda<f64>>();
}
