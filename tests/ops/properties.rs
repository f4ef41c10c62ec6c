//! Every elementwise operation against a naive oracle, for random shapes, strides, offsets, broadcasts and
//! dtypes.

use std::cmp::Ordering;
use std::f64::consts::{FRAC_1_SQRT_2, TAU};

use crate::compare::{Tolerance, assert_close, values};
use candle_core::{DType, Device, Tensor, Var};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use taper::ops::{TieGrad, cos, gelu, maximum_with, mish, mul, relu, silu};

const DTYPES: [(DType, Tolerance); 4] = [
    (DType::F64, Tolerance { rtol: 1e-14, atol: 1e-14 }),
    (DType::F32, Tolerance { rtol: 1e-6, atol: 1e-6 }),
    (DType::F16, Tolerance { rtol: 2e-3, atol: 2e-3 }),
    (DType::BF16, Tolerance { rtol: 1.6e-2, atol: 1.6e-2 }),
];

/// The tolerance of sums of up to `n` terms of about `tolerance` each.
fn summed(tolerance: Tolerance, n: usize) -> Tolerance {
    Tolerance { rtol: tolerance.rtol, atol: tolerance.atol * n.max(1) as f64 }
}

/// How an operand of a given shape is stored.
#[derive(Debug, Clone)]
struct Operand {
    /// Which axes are broadcast (length 1 in the operand).
    broadcast: Vec<bool>,
    /// The number of leading axes, all of them broadcast, that the operand lacks.
    lacking: usize,
    /// The order in which the axes are stored.
    order: Vec<usize>,
    /// The number of elements stored before and after the operand along each axis.
    margins: Vec<(usize, usize)>,
    /// Whether the broadcast axes are expanded already, with stride 0.
    expanded: bool,
    seed: u64,
}

impl Operand {
    /// The lengths of the axes of the operand for a result of `shape`, before any is dropped or expanded.
    fn dims(&self, shape: &[usize]) -> Vec<usize> {
        shape.iter().zip(&self.broadcast).map(|(&n, &broadcast)| if broadcast { 1 } else { n }).collect()
    }

    /// The lengths of the stored axes.
    fn stored(&self, shape: &[usize]) -> Vec<usize> {
        let dims = self.dims(shape);
        self.order.iter().map(|&axis| dims[axis] + self.margins[axis].0 + self.margins[axis].1).collect()
    }

    /// A variable with the stored elements: eighths, and few different ones, so that ties occur.
    fn variable(&self, shape: &[usize], dtype: DType) -> Var {
        let stored = self.stored(shape);
        let value = |i: usize| {
            let hash = (i as u64 + 1).wrapping_mul(self.seed | 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            ((hash >> 58) as f64 - 32.) / 8.
        };
        let data: Vec<f64> = (0..stored.iter().product()).map(value).collect();
        let base = Tensor::from_vec(data, stored, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
        Var::from_tensor(&base).unwrap()
    }

    /// The operand as a view of the stored elements.
    fn view(&self, memory: &Tensor, shape: &[usize]) -> Tensor {
        let mut position = vec![0; shape.len()];
        for (i, &axis) in self.order.iter().enumerate() {
            position[axis] = i;
        }
        let mut view = memory.permute(position).unwrap();
        for (axis, len) in self.dims(shape).into_iter().enumerate() {
            view = view.narrow(axis, self.margins[axis].0, len).unwrap();
        }
        if self.expanded {
            return view.broadcast_as(shape).unwrap();
        }
        for _ in 0..self.lacking {
            view = view.squeeze(0).unwrap();
        }
        view
    }
}

fn operand(rank: usize) -> impl Strategy<Value = Operand> {
    (
        prop::collection::vec(prop::bool::weighted(0.25), rank),
        0..=rank,
        Just((0..rank).collect::<Vec<_>>()).prop_shuffle(),
        prop::collection::vec((0usize..3, 0usize..2), rank),
        any::<bool>(),
        any::<u64>(),
    )
        .prop_map(|(mut broadcast, lacking, order, margins, expanded, seed)| {
            broadcast.iter_mut().take(lacking).for_each(|b| *b = true);
            Operand { broadcast, lacking, order, margins, expanded, seed }
        })
}

/// A shape of up to four axes, empty ones among them, and two operands that broadcast to it.
fn operands() -> impl Strategy<Value = (Vec<usize>, Operand, Operand)> {
    prop::collection::vec(0usize..5, 0..=4).prop_flat_map(|shape| {
        let rank = shape.len();
        (Just(shape), operand(rank), operand(rank))
    })
}

/// The same with few long rows, which the loops process in parts.
fn long_operands() -> impl Strategy<Value = (Vec<usize>, Operand, Operand)> {
    (1usize..4, 200usize..3000)
        .prop_flat_map(|(rows, columns)| (Just(vec![rows, columns]), operand(2), operand(2)))
}

/// The shape that `a` and `b` broadcast to.
fn common_shape(a: &[usize], b: &[usize]) -> Vec<usize> {
    let rank = a.len().max(b.len());
    let padded = |dims: &[usize]| [vec![1; rank - dims.len()], dims.to_vec()].concat();
    padded(a).into_iter().zip(padded(b)).map(|(a, b)| if a == 1 { b } else { a }).collect()
}

/// The elements of `x` broadcast to `shape`, by Candle's own copy.
fn expanded(x: &Tensor, shape: &[usize]) -> Vec<f64> {
    values(&x.broadcast_as(shape).unwrap().contiguous().unwrap())
}

/// The naive gradient of the stored elements: every position of the result adds to the element that it reads.
#[allow(clippy::cast_sign_loss)]
fn scatter(
    operand: &Operand,
    shape: &[usize],
    result: &[usize],
    parts: impl Iterator<Item = f64>,
) -> Vec<f64> {
    let stored = operand.stored(shape);
    let len: usize = stored.iter().product();
    let ids = Tensor::from_vec((0..len).map(|i| i as f64).collect(), stored, &Device::Cpu).unwrap();
    let mut grad = vec![0.; len];
    for (id, part) in expanded(&operand.view(&ids, shape), result).into_iter().zip(parts) {
        grad[id as usize] += part;
    }
    grad
}

/// Checks a binary operation, its shape and its gradients against `oracle`, which maps x, y to the value and
/// its two derivatives.
fn check_binary(
    what: &str,
    (shape, a, b): &(Vec<usize>, Operand, Operand),
    op: impl Fn(&Tensor, &Tensor) -> candle_core::Result<Tensor>,
    oracle: impl Fn(f64, f64) -> (f64, f64, f64),
) {
    for (dtype, tolerance) in DTYPES {
        let (memory_a, memory_b) = (a.variable(shape, dtype), b.variable(shape, dtype));
        let (x, y) = (a.view(&memory_a, shape), b.view(&memory_b, shape));
        let z = op(&x, &y).unwrap();
        let result = common_shape(x.dims(), y.dims());
        assert_eq!((z.dims(), z.dtype()), (result.as_slice(), dtype), "{what}");
        assert!(z.is_contiguous());

        let (xs, ys) = (expanded(&x, &result), expanded(&y, &result));
        let expected: Vec<_> = xs.iter().zip(&ys).map(|(&x, &y)| oracle(x, y)).collect();
        let what = format!("{what} {dtype:?}");
        assert_close(&what, &values(&z), &expected.iter().map(|e| e.0).collect::<Vec<_>>(), tolerance);

        let g = upstream(z.elem_count());
        let [grad_a, grad_b] = gradients(&z, &g, [&memory_a, &memory_b]);
        let along_x = scatter(a, shape, &result, expected.iter().zip(&g).map(|(e, g)| e.1 * g));
        let along_y = scatter(b, shape, &result, expected.iter().zip(&g).map(|(e, g)| e.2 * g));
        let summed = summed(tolerance, z.elem_count());
        assert_close(&format!("{what}: dx"), &values(&grad_a), &along_x, summed);
        assert_close(&format!("{what}: dy"), &values(&grad_b), &along_y, summed);
    }
}

/// Checks a unary operation and its gradient against `oracle`, which maps x to the value and its derivative.
fn check_unary(
    what: &str,
    (shape, a, _): &(Vec<usize>, Operand, Operand),
    op: impl Fn(&Tensor) -> candle_core::Result<Tensor>,
    oracle: impl Fn(f64) -> (f64, f64),
) {
    for (dtype, tolerance) in DTYPES {
        let memory = a.variable(shape, dtype);
        let x = a.view(&memory, shape);
        let z = op(&x).unwrap();
        assert_eq!((z.dims(), z.dtype()), (x.dims(), dtype), "{what}");
        let expected: Vec<_> = values(&x.contiguous().unwrap()).into_iter().map(&oracle).collect();
        let what = format!("{what} {dtype:?}");
        assert_close(&what, &values(&z), &expected.iter().map(|e| e.0).collect::<Vec<_>>(), tolerance);

        let g = upstream(z.elem_count());
        let [grad] = gradients(&z, &g, [&memory]);
        let along_x = scatter(a, shape, x.dims(), expected.iter().zip(&g).map(|(e, g)| e.1 * g));
        assert_close(&format!("{what}: dx"), &values(&grad), &along_x, summed(tolerance, z.elem_count()));
    }
}

/// An upstream gradient of `len` elements, exact in every dtype.
fn upstream(len: usize) -> Vec<f64> {
    (0..len).map(|i| ((i * 7 + 3) % 11) as f64 / 4. - 1.25).collect()
}

/// The gradients of `vars` when the gradient of `z` is `g`.
fn gradients<const N: usize>(z: &Tensor, g: &[f64], vars: [&Var; N]) -> [Tensor; N] {
    let g = Tensor::from_slice(g, z.shape(), z.device()).unwrap().to_dtype(z.dtype()).unwrap();
    let grads = (z * g).unwrap().sum_all().unwrap().backward().unwrap();
    vars.map(|var| grads.get(var).unwrap().clone())
}

fn config(cases: u32, seed: u64) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(seed), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(1000, 1))]

    #[test]
    fn mul_is_the_product(operands in operands()) {
        check_binary("mul", &operands, mul, |x, y| (x * y, y, x));
    }

    #[test]
    fn maximum_is_the_larger(operands in operands()) {
        for (tie, shares) in
            [(TieGrad::Split, [0.5, 0.5]), (TieGrad::First, [1., 0.]), (TieGrad::Second, [0., 1.])]
        {
            let oracle = |x: f64, y: f64| match x.partial_cmp(&y).unwrap() {
                Ordering::Greater => (x, 1., 0.),
                Ordering::Less => (y, 0., 1.),
                Ordering::Equal => (x, shares[0], shares[1]),
            };
            check_binary(&format!("maximum, {tie:?}"), &operands, |x, y| maximum_with(x, y, tie), oracle);
        }
    }

    #[test]
    fn relu_is_the_positive_part(operands in operands()) {
        check_unary("relu", &operands, relu, |x| (x.max(0.), if x > 0. { 1. } else { 0. }));
    }

    #[test]
    fn cos_is_the_cosine(operands in operands()) {
        check_unary("cos", &operands, cos, |x| (x.cos(), -x.sin()));
    }

    #[test]
    fn silu_is_weighted_by_the_logistic_function(operands in operands()) {
        check_unary("silu", &operands, silu, |x| {
            let s = 1. / (1. + (-x).exp());
            (x * s, s * (1. + x * (1. - s)))
        });
    }

    #[test]
    fn mish_is_weighted_by_the_tanh_of_softplus(operands in operands()) {
        check_unary("mish", &operands, mish, |x| {
            let t = x.exp().ln_1p().tanh();
            (x * t, t + x * (1. - t * t) / (1. + (-x).exp()))
        });
    }

    #[test]
    fn gelu_is_weighted_by_the_normal_distribution(operands in operands()) {
        check_unary("gelu", &operands, gelu, |x| {
            let p = 0.5 * (1. + candle_core::cpu::erf::erf_f64(x * FRAC_1_SQRT_2));
            (x * p, p + x * (-0.5 * x * x).exp() / TAU.sqrt())
        });
    }
}

proptest! {
    #![proptest_config(config(50, 2))]

    #[test]
    fn long_rows_are_multiplied_and_compared(operands in long_operands()) {
        check_binary("mul", &operands, mul, |x, y| (x * y, y, x));
        check_binary("maximum", &operands, |x, y| maximum_with(x, y, TieGrad::First), |x, y| {
            if x >= y { (x, 1., 0.) } else { (y, 0., 1.) }
        });
    }
}
