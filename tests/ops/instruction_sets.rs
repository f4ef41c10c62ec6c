//! The operations on large tensors: the same bit for bit on every instruction set, in every layout and on any
//! number of threads. Only the cosine has two algorithms: one with fused multiply-adds, and one for machines
//! without them (`TAPER_SIMD=plain`). That both are within 1 ulp is tested in `operations.rs`.

use std::env;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::process::Command;

use candle_core::{DType, Device, Result, Tensor, Var};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use taper::ops;

const DTYPES: [DType; 4] = [DType::F16, DType::BF16, DType::F32, DType::F64];

type Operation = fn(&Tensor, &Tensor) -> Result<Tensor>;

/// Normally distributed numbers, some of them large, and a few special values.
fn operand(seed: u64, dims: &[usize], dtype: DType) -> Result<Tensor> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let len = dims.iter().product();
    let mut values: Vec<f64> = StandardNormal.sample_iter(&mut rng).take(len).collect();
    for (i, value) in values.iter_mut().enumerate() {
        match i % 5003 {
            0..5 => *value *= 1e5,
            5 => *value = f64::NAN,
            6 => *value = f64::INFINITY,
            7 => *value = -0.,
            8 => *value *= 1e-6,
            9 => *value = 1.,
            _ => {}
        }
    }
    Tensor::from_vec(values, dims, &Device::Cpu)?.to_dtype(dtype)
}

/// The values and gradients of every one of `operations` at `x` and `y`, one after the other.
fn results(operations: &[Operation], x: &Tensor, y: &Tensor) -> Result<Vec<Tensor>> {
    let mut results = Vec::new();
    for operation in operations {
        let (x, y) = (Var::from_tensor(x)?, Var::from_tensor(y)?);
        let z = operation(&x, &y)?;
        let grads = z.mul(&z)?.backward()?;
        results.push(z);
        results.extend([&x, &y].into_iter().filter_map(|var| grads.get(var).cloned()));
    }
    Ok(results)
}

/// The bits of every element, with all NaNs mapped to one: which NaN results is unspecified.
fn bits(x: &Tensor) -> Result<Vec<u64>> {
    let values = x.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
    Ok(values.into_iter().map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() }).collect())
}

/// A hash of all results of `operations`.
fn hash(operations: &[Operation]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for dtype in DTYPES {
        // Lengths that are not a multiple of a register, for one thread and for several.
        for len in [1003, 100_003] {
            for result in results(operations, &operand(1, &[len], dtype)?, &operand(2, &[len], dtype)?)? {
                bits(&result)?.hash(&mut hasher);
            }
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

const CHILD: &str = "TAPER_TEST_PRINTS_ITS_HASH";

#[test]
fn hash_of_all_results() -> Result<()> {
    let exact = hash(&[ops::mul, ops::maximum, |x, _| ops::relu(x)])?;
    let cosine = hash(&[|x, _| ops::cos(x)])?;
    let all = format!("hash {exact} cosine {cosine}");
    if env::var_os(CHILD).is_some() {
        println!("{all}");
        return Ok(());
    }
    for (name, value) in [
        ("TAPER_SIMD", "avx2"),
        ("TAPER_SIMD", "plain"),
        ("RAYON_NUM_THREADS", "1"),
        ("RAYON_NUM_THREADS", "3"),
    ] {
        let mut child = Command::new(env::current_exe()?);
        let child = child
            .args(["--exact", "instruction_sets::hash_of_all_results", "--nocapture"])
            .env(CHILD, "1")
            .env(name, value);
        let output = child.output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let expected = if value == "plain" { &all[..all.len() - cosine.len()] } else { &all };
        let other = text.lines().find_map(|line| line.find("hash ").map(|at| &line[at..at + expected.len()]));
        assert_eq!(other, Some(expected), "{name}={value}");
    }
    Ok(())
}

#[test]
fn every_layout_gives_the_result_of_a_contiguous_copy() -> Result<()> {
    for dtype in DTYPES {
        let square = operand(1, &[301, 301], dtype)?;
        let other = operand(2, &[301, 301], dtype)?;
        let images = operand(3, &[3, 37, 31, 29], dtype)?;
        let cases = [
            ("transposed", square.clone(), other.t()?),
            ("both transposed", square.t()?, other.t()?),
            ("row", square.clone(), operand(4, &[301], dtype)?.broadcast_as((301, 301))?),
            ("column", square.clone(), operand(4, &[301, 1], dtype)?.broadcast_as((301, 301))?),
            ("scalar", square.clone(), operand(4, &[], dtype)?.broadcast_as((301, 301))?),
            (
                "row and column",
                operand(5, &[1, 301], dtype)?.broadcast_as((301, 301))?,
                other.narrow(1, 0, 1)?.broadcast_as((301, 301))?,
            ),
            ("narrowed", square.narrow(1, 7, 290)?, other.narrow(1, 3, 290)?),
            ("channels last", images.clone(), operand(6, &[3, 31, 29, 37], dtype)?.permute((0, 3, 1, 2))?),
            ("reversed axes", images.permute((3, 2, 1, 0))?, operand(6, &[29, 31, 37, 3], dtype)?),
            ("narrow", operand(7, &[40_000, 3], dtype)?, operand(8, &[3, 40_000], dtype)?.t()?),
        ];
        for (name, x, y) in cases {
            let operations: [(&str, Operation); 3] =
                [("mul", ops::mul), ("maximum", ops::maximum), ("cos", |_, y| ops::cos(y))];
            for (op, operation) in operations {
                let strided = bits(&operation(&x, &y)?)?;
                let contiguous = bits(&operation(&x.force_contiguous()?, &y.force_contiguous()?)?)?;
                assert!(strided == contiguous, "{op} of {dtype:?}, {name}");
            }
        }
    }
    Ok(())
}
