//! More elements than the threads of a launch, so that the kernels' loops go round several times, and more
//! than 32 bits can count.

use crate::parity::{Allowed, Differences, Numbers, Op, View, gpu};
use candle_core::{DType, Device, Result, Tensor};
use half::f16;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use taper::ops::{TieGrad, cos, mul};

/// Threads of the largest launch.
const THREADS: usize = 4096 * 256;

#[test]
fn dense_kernels_go_round() {
    let gpu = gpu();
    let mut differences = Differences::default();
    let dense = [View::Contiguous; 2];
    // Two rounds of 16 bytes to every eighth thread, and a tail.
    for (op, dtype, width) in [
        (Op::Mul, DType::F32, 4),
        (Op::Maximum(TieGrad::Split), DType::F64, 2),
        (Op::Cos, DType::F64, 2),
        (Op::Mul, DType::BF16, 8),
    ] {
        let len = THREADS * width * 9 / 8 + width - 1;
        differences.check(&gpu, op, dtype, &[len], &dense[..op.arity()], Numbers::Special);
    }
    // One element to a thread, where an operand lies between 16-byte boundaries.
    let unaligned = [View::Offset(1), View::Contiguous];
    let maximum = Op::Maximum(TieGrad::First);
    differences.check(&gpu, maximum, DType::F32, &[THREADS * 9 / 8 + 1], &unaligned, Numbers::Special);
    differences.print("dense");
}

#[test]
fn strided_kernels_go_round() {
    let gpu = gpu();
    let mut differences = Differences::default();
    let shape = [513, 3, 769];
    assert!(shape.iter().product::<usize>() > THREADS);
    let views = [View::Reversed, View::Gaps];
    for (op, dtype) in
        [(Op::Mul, DType::F32), (Op::Maximum(TieGrad::Second), DType::F16), (Op::Cos, DType::F32)]
    {
        differences.check(&gpu, op, dtype, &shape, &views[..op.arity()], Numbers::Special);
    }
    differences.print("strided");
}

/// Values alone: a row times a column, whose factors tell where an element belongs.
#[test]
fn rows_and_columns_go_round() {
    let gpu = gpu();
    let mut differences = Differences::default();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let row = Numbers::Wide.tensor(&[1, 2053], DType::F32, &mut rng);
    let column = Numbers::Wide.tensor(&[1031, 1], DType::F32, &mut rng);
    let on = |device: &Device| -> Result<Tensor> {
        mul(&row.to_device(device)?, &column.to_device(device)?)?.to_device(&Device::Cpu)
    };
    differences.hold("row x column", &on(&gpu).unwrap(), &on(&Device::Cpu).unwrap(), Allowed::Nothing);
    differences.print("row x column");
}

/// More than 2^31 elements. The result takes 4 GiB of device memory and no host memory to speak of.
#[test]
#[ignore = "takes 4 GiB of device memory"]
fn more_elements_than_31_bits_count() {
    let gpu = gpu();
    let piece = |x: &Tensor, start: usize, len: usize| -> Vec<f16> {
        // Candle copies all of a storage to the host, so the piece gets one of its own before.
        let x = x.flatten_all().unwrap().narrow(0, start, len).unwrap();
        x.affine(1., 0.).unwrap().to_vec1().unwrap()
    };
    {
        let len = (1usize << 31) + 5;
        let x = Tensor::new(f16::from_f32(2.), &gpu).unwrap().broadcast_as(len).unwrap();
        let z = cos(&x).unwrap();
        let expected = f16::from_f32(2f32.cos());
        for start in [0, 1 << 30, (1 << 31) - 3, len - 3] {
            assert_eq!(piece(&z, start, 3), [expected; 3], "dense, at {start}");
        }
    }
    // Row i, column j is i mod 32 + 1 times j mod 61 + 1, exact in f16.
    let (rows, columns) = ((1usize << 16) + 1, (1usize << 15) + 3);
    let cycle = |len: usize, period: usize| {
        Tensor::from_iter((0..len).map(|i| f16::from_f32((i % period + 1) as f32)), &gpu).unwrap()
    };
    let x = cycle(rows, 32).reshape((rows, 1)).unwrap();
    let y = cycle(columns, 61).reshape((1, columns)).unwrap();
    let z = mul(&x, &y).unwrap();
    for start in [0, 12_345_678, (1 << 31) - 50_000, (1 << 31) - 3, rows * columns - 7] {
        let expected: Vec<f16> = (start..start + 7)
            .map(|i| f16::from_f32(((i / columns % 32 + 1) * (i % columns % 61 + 1)) as f32))
            .collect();
        assert_eq!(piece(&z, start, 7), expected, "strided, at {start}");
    }
}
