//! Values and gradients of the operations on CUDA against those on the CPU: every dtype, size and layout.
//!
//! Products and maxima are equal bit for bit, cosines within what CUDA documents, smooth activations up to
//! rounding.

use crate::parity::{Allowed, DTYPES, Differences, Numbers, Op, View, gpu, upstream, value_and_gradients};
use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use taper::ops::TieGrad;

/// Around the widths of a 16-byte access, a warp and a block.
const SIZES: [usize; 14] = [1, 2, 3, 4, 7, 8, 9, 31, 32, 33, 255, 256, 257, 2049];

#[test]
fn contiguous_operands_of_every_size() {
    let gpu = gpu();
    let mut differences = Differences::default();
    for op in Op::ALL {
        for dtype in DTYPES {
            for size in SIZES {
                for numbers in Numbers::ALL {
                    let views = [View::Contiguous; 2];
                    differences.check(&gpu, op, dtype, &[size], &views[..op.arity()], numbers);
                }
            }
        }
    }
    differences.print("contiguous");
}

#[test]
fn operands_of_every_pair_of_layouts() {
    let gpu = gpu();
    let mut differences = Differences::default();
    for op in Op::ALL {
        for dtype in DTYPES {
            for shape in [[3, 5].as_slice(), &[9, 16], &[2, 1, 3, 2, 4]] {
                for numbers in [Numbers::Plain, Numbers::Special] {
                    for x in View::ALL {
                        if op.arity() == 1 {
                            differences.check(&gpu, op, dtype, shape, &[x], numbers);
                            continue;
                        }
                        for y in View::ALL {
                            differences.check(&gpu, op, dtype, shape, &[x, y], numbers);
                        }
                    }
                }
            }
        }
    }
    differences.print("layouts");
}

/// A contiguous operand may start between 16-byte boundaries, and then the kernel may not move 16 bytes at a
/// time.
#[test]
fn operands_at_every_alignment() {
    let gpu = gpu();
    let mut differences = Differences::default();
    for op in [Op::Mul, Op::Maximum(TieGrad::Split), Op::Relu, Op::Cos, Op::Silu] {
        for dtype in DTYPES {
            for size in [1, 8, 33, 257] {
                for start in 1..=9 {
                    let (contiguous, offset) = (View::Contiguous, View::Offset(start));
                    let pairs = [[offset, contiguous], [contiguous, offset], [offset, View::Offset(8)]];
                    for views in &pairs[..if op.arity() == 1 { 1 } else { 3 }] {
                        let views = &views[..op.arity()];
                        differences.check(&gpu, op, dtype, &[size], views, Numbers::Special);
                    }
                }
            }
        }
    }
    differences.print("alignments");
}

/// Beside one element for all positions, of either operand or of both.
#[test]
fn scalars_of_every_size() {
    let gpu = gpu();
    let mut differences = Differences::default();
    for op in [Op::Mul, Op::Maximum(TieGrad::Split), Op::Cos] {
        for dtype in DTYPES {
            for size in [1, 7, 8, 9, 31, 33, 63] {
                for views in [
                    [View::Scalar, View::Contiguous],
                    [View::Contiguous, View::Scalar],
                    [View::Scalar, View::Offset(1)],
                    [View::Scalar; 2],
                ] {
                    let views = &views[..op.arity()];
                    differences.check(&gpu, op, dtype, &[size], views, Numbers::Plain);
                }
            }
        }
    }
    differences.print("scalars");
}

#[test]
fn operations_broadcast() {
    let gpu = gpu();
    let mut differences = Differences::default();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for op in [Op::Mul, Op::Maximum(TieGrad::Split), Op::Maximum(TieGrad::First)] {
        for dtype in DTYPES {
            for (x, y, z) in [
                ([5, 1].as_slice(), [1, 7].as_slice(), [5, 7].as_slice()),
                (&[2, 1, 3], &[4, 1], &[2, 4, 3]),
                (&[], &[2, 3], &[2, 3]),
                (&[3], &[2, 3], &[2, 3]),
                (&[4, 1, 1], &[], &[4, 1, 1]),
                (&[], &[], &[]),
                (&[1], &[], &[1]),
            ] {
                let inputs = [x, y].map(|shape| Numbers::Plain.tensor(shape, dtype, &mut rng));
                let upstream = upstream(z, dtype, &mut rng);
                let on = |device| value_and_gradients(|x| op.apply(x), &inputs, &upstream, device).unwrap();
                for (there, here) in on(&gpu).iter().zip(&on(&Device::Cpu)) {
                    let what = format!("{op:?} {dtype:?} {x:?} {y:?}");
                    differences.hold(&what, there, here, Allowed::Nothing);
                }
                differences.cases += 1;
            }
        }
    }
    differences.print("broadcast");
}

#[test]
fn no_elements_give_no_elements() {
    let gpu = gpu();
    for op in Op::ALL {
        for dtype in DTYPES {
            for (shape, views) in [
                ([0].as_slice(), [View::Contiguous, View::Offset(1)]),
                (&[3, 0], [View::Transposed, View::Row]),
                (&[0, 3], [View::Gaps, View::Column]),
                (&[2, 0, 5], [View::Reversed, View::Scalar]),
            ] {
                let x: Vec<Tensor> = views[..op.arity()]
                    .iter()
                    .map(|view| {
                        let base = Tensor::zeros(view.base(shape), dtype, &gpu).unwrap();
                        view.of(&base, shape).unwrap()
                    })
                    .collect();
                let z = op.apply(&x).unwrap();
                assert_eq!((z.dims(), z.dtype()), (shape, dtype), "{op:?} {views:?}");
                assert_eq!(z.to_device(&Device::Cpu).unwrap().elem_count(), 0);
            }
        }
    }
}

/// Every number of 16 bits beside itself, its neighbour, numbers of other sizes, and its negative.
#[test]
fn every_number_of_sixteen_bits() {
    let gpu = gpu();
    let mut differences = Differences::default();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let all = |dtype| match dtype {
        DType::F16 => Tensor::from_iter((0..=u16::MAX).map(f16::from_bits), &Device::Cpu),
        _ => Tensor::from_iter((0..=u16::MAX).map(bf16::from_bits), &Device::Cpu),
    };
    for dtype in [DType::F16, DType::BF16] {
        let x = all(dtype).unwrap();
        let upstream = upstream(x.dims(), dtype, &mut rng);
        for shift in [0, 1, 0x37c5, 0x8000] {
            let order: Vec<u32> = (0..1 << 16).map(|i| (i + shift) % (1 << 16)).collect();
            let y = x.index_select(&Tensor::new(order, &Device::Cpu).unwrap(), 0).unwrap();
            let inputs = [x.clone(), y];
            for op in [Op::Mul, Op::Maximum(TieGrad::Split), Op::Relu] {
                let inputs = &inputs[..op.arity()];
                let on = |device| value_and_gradients(|x| op.apply(x), inputs, &upstream, device).unwrap();
                for (k, (there, here)) in on(&gpu).iter().zip(&on(&Device::Cpu)).enumerate() {
                    let what = format!("{op:?} {dtype:?} shifted by {shift}, result {k}");
                    let flushed = dtype == DType::BF16 && k > 0;
                    let allowed = if flushed { Allowed::Subnormals } else { Allowed::Nothing };
                    differences.hold(&what, there, here, allowed);
                }
                differences.cases += 1;
            }
        }
    }
    differences.print("16 bits");
}
