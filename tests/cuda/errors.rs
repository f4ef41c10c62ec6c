//! What the operations refuse on CUDA, and in which words; and layouts at the limit of the kernels.

use crate::error::first_line;
use crate::parity::{Allowed, Differences, Numbers, gpu};
use candle_core::{DType, Device, Result, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use taper::ops::{cos, maximum, mul, relu};

type Unary = fn(&Tensor) -> Result<Tensor>;
type Binary = fn(&Tensor, &Tensor) -> Result<Tensor>;

const UNARY: [(&str, Unary); 2] = [("cos", cos), ("relu", relu)];
const BINARY: [(&str, Binary); 2] = [("mul", mul), ("maximum", maximum)];

fn message(what: &str, result: Result<Tensor>) -> String {
    match result {
        Ok(_) => panic!("{what} is accepted"),
        Err(error) => first_line(&error),
    }
}

#[test]
fn operands_on_two_devices_are_refused() {
    let gpu = gpu();
    let here = Tensor::new(&[1f32, 2.], &Device::Cpu).unwrap();
    let there = here.to_device(&gpu).unwrap();
    for (op, apply) in BINARY {
        assert_eq!(
            message(op, apply(&here, &there)),
            format!(
                "{op}: x is F32 [2] on Cpu, y is F32 [2] on Cuda {{ gpu_id: 0 }}, expected both on one device"
            )
        );
        assert_eq!(
            message(op, apply(&there, &here)),
            format!(
                "{op}: x is F32 [2] on Cuda {{ gpu_id: 0 }}, y is F32 [2] on Cpu, expected both on one device"
            )
        );
    }
}

#[test]
fn other_dtypes_and_shapes_are_refused() {
    let gpu = gpu();
    let on = "on Cuda { gpu_id: 0 }";
    let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &gpu).unwrap();
    for (dtype, name) in [(DType::U32, "U32"), (DType::I64, "I64"), (DType::U8, "U8")] {
        let x = zeros(&[2], dtype);
        for (op, apply) in BINARY {
            assert_eq!(
                message(op, apply(&x, &x)),
                format!("{op}: x is {name} [2] {on}, y is {name} [2] {on}, expected F16, BF16, F32 or F64")
            );
        }
        for (op, apply) in UNARY {
            assert_eq!(
                message(op, apply(&x)),
                format!("{op}: x is {name} [2] {on}, expected F16, BF16, F32 or F64")
            );
        }
    }
    for (op, apply) in BINARY {
        assert_eq!(
            message(op, apply(&zeros(&[2], DType::F16), &zeros(&[2], DType::BF16))),
            format!("{op}: x is F16 [2] {on}, y is BF16 [2] {on}, expected one dtype")
        );
        assert_eq!(
            message(op, apply(&zeros(&[2, 3], DType::F32), &zeros(&[4], DType::F32))),
            format!("{op}: x is F32 [2, 3] {on}, y is F32 [4] {on}, the shapes do not broadcast")
        );
    }
}

/// A tensor of `rank` axes of two elements each, in reverse order, so that no two of them can be merged.
fn knotted(rank: usize, device: &Device) -> Result<Tensor> {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let x = Numbers::Special.tensor(&[1 << rank], DType::F32, &mut rng).to_device(device)?;
    x.reshape(vec![2; rank])?.permute((0..rank).rev().collect::<Vec<_>>())
}

#[test]
fn sixteen_axes_are_served_and_seventeen_refused() {
    let gpu = gpu();
    for (op, apply) in BINARY {
        let on = |device| {
            let x = knotted(16, device)?;
            apply(&x, &x)?.to_device(&Device::Cpu)
        };
        let (there, here) = (on(&gpu).unwrap(), on(&Device::Cpu).unwrap());
        Differences::default().hold(op, &there, &here, Allowed::Nothing);

        let x = knotted(17, &gpu).unwrap();
        assert_eq!(
            message(op, apply(&x, &x)),
            format!(
                "{op} of 2 x {:?} on Cuda {{ gpu_id: 0 }}: the operands have 17 axes that cannot be merged, expected at \
                 most 16",
                [2; 17]
            )
        );
    }
    for (op, apply) in UNARY {
        assert!(message(op, apply(&knotted(17, &gpu).unwrap())).contains("17 axes"));
    }
}
