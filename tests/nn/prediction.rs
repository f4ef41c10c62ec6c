//! The predictor against the network's own operations, and what its results must not depend on.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;

use crate::compare::{Tolerance, assert_close, values};
use crate::encoding::encoded;
use crate::error::first_line;
use candle_core::{DType, Device, IndexOp, Tensor, WithDType};
use candle_nn::{VarBuilder, VarMap};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use taper::nn::{
    Block, CosInit, DynamicNet, Halting, LayerKind, ModelConfig, Nonlinearity, Norm, named_vars,
    seeded_builder,
};
use taper::ops::{Prior, mse};
use taper::plan::Predictor;

const COS: LayerKind = LayerKind::Cos(CosInit::Centred);

/// The widths (features, hidden, outputs) of a network, its depths, its kind, and how many rows it predicts.
type Case = ((usize, usize, usize), RangeInclusive<usize>, LayerKind, usize);

fn network(
    ((in_features, hidden, out_features), depths, layer, _): &Case,
    dtype: DType,
) -> (VarMap, DynamicNet) {
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, ChaCha8Rng::seed_from_u64(1), dtype, &Device::Cpu);
    let (in_features, hidden, out_features) = (*in_features, *hidden, *out_features);
    // All blocks, activations and norms take their turn.
    let block = [Block::Plain, Block::Residual, Block::Injection][(hidden + out_features) % 3];
    let activation =
        [Nonlinearity::Relu, Nonlinearity::Silu, Nonlinearity::Mish, Nonlinearity::Gelu][hidden % 4];
    let halting = [Halting::None, Halting::Shared, Halting::Adaptive][(hidden + in_features) % 3];
    let model = ModelConfig {
        hidden,
        min_depth: *depths.start(),
        max_depth: *depths.end(),
        layer: *layer,
        block,
        activation,
        // A prediction has none.
        dropout: 0.5,
        skip: out_features % 2 == 1,
        bins: 0,
        members: if halting == Halting::None || depths.start() == depths.end() { 1 + hidden % 3 } else { 1 },
        norm: [Norm::None, Norm::Rms, Norm::Layer, Norm::Batch][(hidden / 2 + in_features) % 4],
        halting: if depths.start() == depths.end() { Halting::None } else { halting },
        prior: [Prior::Uniform, Prior::Geometric][hidden % 2],
        exit: [0.5, 0.8, 1.][hidden % 3],
    };
    let spec = model.network(in_features, out_features);
    let spec = if hidden % 2 == 0 { encoded(spec, 3, &vars, dtype) } else { spec };
    let net = DynamicNet::new(&spec, vb).unwrap();
    for (name, var) in named_vars(&vars) {
        if name.starts_with("halting") {
            let mut rng = ChaCha8Rng::seed_from_u64(3);
            let elements: Vec<f64> = (0..var.elem_count()).map(|_| rng.random_range(-1. ..1.)).collect();
            let elements = Tensor::from_vec(elements, var.dims(), &Device::Cpu).unwrap();
            var.set(&elements.to_dtype(dtype).unwrap()).unwrap();
        }
    }
    // Of other rows than those that are predicted.
    let net = net.with_statistics(&rows(60, in_features, dtype).affine(0.9, 0.1).unwrap()).unwrap();
    (vars, net)
}

fn rows(n: usize, features: usize, dtype: DType) -> Tensor {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let x: Vec<f64> = (0..n * features).map(|_| rng.random_range(-2. ..2.)).collect();
    Tensor::from_vec(x, (n, features), &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

fn threads(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

/// The bits of the elements.
fn bits<T: WithDType>(x: &[T]) -> Vec<u64> {
    x.iter().map(|x| x.to_f64().to_bits()).collect()
}

/// Holds the mean and every depth against the tensors' path.
fn agree(case: &Case, x: &Tensor, tolerance: f64) {
    let (_vars, net) = network(case, x.dtype());
    let outputs = net.forward_all_depths(x).unwrap();
    let predictor = Predictor::new(&net).unwrap();
    let prediction = predictor.predict_all_depths(x).unwrap();
    let (n, out) = (x.dims()[0], case.0.2);
    assert_eq!(prediction.mean.dims(), [n, out]);
    assert_eq!(prediction.by_depth.dims(), [n, outputs.len(), out]);
    // Relative to the size that the network's outputs have: a single one may cancel.
    let usual = net.forward_all_depths(&rows(50, case.0.0, x.dtype())).unwrap();
    let size = values(&Tensor::stack(&usual, 0).unwrap()).iter().fold(0., |a: f64, b| a.max(b.abs()));
    let close = Tolerance { rtol: tolerance, atol: tolerance * size };
    let what = format!("{case:?} {:?}", x.dtype());
    for (i, output) in outputs.iter().enumerate() {
        let of_depth = prediction.by_depth.i((.., i)).unwrap();
        assert_close(&format!("{what}, {i}"), &values(&of_depth), &values(output), close);
    }
    assert_close(&what, &values(&prediction.mean), &values(&net.predict(x).unwrap()), close);
    assert_eq!(values(&predictor.predict(x).unwrap()), values(&prediction.mean), "{what}");
    let Some(exits) = prediction.exits else {
        return assert_eq!(net.spec().model.halting, Halting::None);
    };
    let (exit, count) = (net.spec().model.exit, outputs.len());
    assert_eq!((exits.depths.len(), exits.probabilities.len()), (n, n * count));
    for (depth, p) in exits.depths.iter().zip(exits.probabilities.chunks(count)) {
        let sum: f64 = p.iter().sum();
        assert!((sum - 1.).abs() <= 1e-12, "{what}: {p:?}");
        // The first depth by which it has stopped with that probability.
        let place = depth - case.1.start();
        let [before, by]: [f64; 2] = [place, place + 1].map(|end| p[..end].iter().sum());
        assert!((before < exit || place == 0) && by >= exit - 1e-12, "{what}: {depth} with {p:?}");
    }
}

#[test]
fn it_predicts_as_the_network_does() {
    for features in [1, 64, 200] {
        for hidden in [1, 33, 256] {
            for outputs in [1, 3] {
                for depths in [1..=1, 1..=4, 0..=2] {
                    for layer in [LayerKind::Linear, COS] {
                        let n = [1, 7, 50][(features + hidden + outputs) % 3];
                        let case = ((features, hidden, outputs), depths.clone(), layer, n);
                        agree(&case, &rows(n, features, DType::F32), 1e-6);
                        agree(&case, &rows(n, features, DType::F64), 1e-12);
                    }
                }
            }
        }
    }
}

/// Panels of columns, products of few rows, more than a block.
#[test]
fn it_predicts_with_large_layers_and_many_rows() {
    for case in [
        ((3, 400, 1), 1..=2, LayerKind::Linear, 60),
        ((5000, 40, 1), 0..=1, LayerKind::Linear, 26),
        ((70_000, 33, 33), 0..=0, LayerKind::Linear, 3),
        ((5, 8, 70_000), 0..=1, LayerKind::Linear, 3),
        ((64, 32, 1), 1..=4, COS, 10_007),
    ] {
        let (features, n) = (case.0.0, case.3);
        // Sums of so many terms lose a bit more.
        agree(&case, &rows(n, features, DType::F32), 1e-5);
        agree(&case, &rows(n, features, DType::F64), 1e-12);
    }
}

/// Left to Candle: here the 16-bit floats of the CPU, as everything on a GPU.
#[test]
fn other_dtypes_are_candles() {
    for dtype in [DType::F16, DType::BF16] {
        let case = ((5, 8, 2), 1..=3, LayerKind::Linear, 5000);
        let (_vars, net) = network(&case, dtype);
        let x = rows(5000, 5, dtype);
        let prediction = Predictor::new(&net).unwrap().predict_all_depths(&x).unwrap();
        assert_eq!(values(&prediction.mean), values(&net.predict(&x).unwrap()));
        let outputs = net.forward_all_depths(&x).unwrap();
        assert_eq!(values(&prediction.by_depth), values(&Tensor::stack(&outputs, 1).unwrap()));
        let none = rows(0, 5, dtype);
        assert_eq!(Predictor::new(&net).unwrap().predict(&none).unwrap().dims(), [0, 2]);
    }
}

/// The layouts of x, all of the same elements.
#[test]
fn any_layout_will_do() {
    let case = ((6, 9, 2), 1..=2, LayerKind::Linear, 11);
    let (_vars, net) = network(&case, DType::F32);
    let predictor = Predictor::new(&net).unwrap();
    let x = rows(11, 6, DType::F32);
    let expected = values(&predictor.predict(&x).unwrap());
    let transposed = x.t().unwrap().contiguous().unwrap().t().unwrap();
    let padded = x.pad_with_zeros(0, 2, 1).unwrap().pad_with_zeros(1, 3, 2).unwrap();
    let narrowed = padded.narrow(0, 2, 11).unwrap().narrow(1, 3, 6).unwrap();
    let below = padded.narrow(1, 3, 6).unwrap().contiguous().unwrap().narrow(0, 2, 11).unwrap();
    for x in [transposed, narrowed, below] {
        assert_eq!(values(&predictor.predict(&x).unwrap()), expected);
    }
    let same = x.i(3..4).unwrap().broadcast_as((4, 6)).unwrap();
    assert_eq!(values(&predictor.predict(&same).unwrap()), expected[6..8].repeat(4));
}

/// Whatever the threads are, and however the rows are cut into portions.
#[test]
fn a_row_has_the_same_bits_in_any_company() {
    fn check<T: WithDType>(case: &Case, portions: &[usize]) {
        let (_vars, net) = network(case, T::DTYPE);
        let ((features, ..), _, _, n) = case;
        let x = rows(*n, *features, T::DTYPE);
        let predictor = Predictor::new(&net).unwrap();
        let flat = |x: &Tensor| bits(&x.flatten_all().unwrap().to_vec1::<T>().unwrap());
        let all = predictor.predict_all_depths(&x).unwrap();
        let (expected, expected_by_depth) = (flat(&all.mean), flat(&all.by_depth));
        for (&portion, threads) in portions.iter().zip([1, 2, 3, 16].map(threads).into_iter().cycle()) {
            let predictor = predictor.clone().with_threads(threads);
            let (mut mean, mut by_depth) = (vec![], vec![]);
            for start in (0..*n).step_by(portion) {
                let x = x.narrow(0, start, portion.min(n - start)).unwrap();
                let part = predictor.predict_all_depths(&x).unwrap();
                mean.extend(flat(&part.mean));
                by_depth.extend(flat(&part.by_depth));
            }
            let what = format!("{case:?}, {portion} rows at a time on {threads} threads");
            assert_eq!(mean, expected, "{what}");
            assert_eq!(by_depth, expected_by_depth, "{what}");
            assert_eq!(flat(&predictor.predict(&x).unwrap()), expected, "{what}, without depths");
        }
    }
    for (case, portions) in [
        (((64, 32, 1), 1..=4, LayerKind::Linear, 20_011), &[1, 5, 24, 1000, 7777, 20_011][..]),
        (((7, 33, 3), 0..=2, COS, 5003), &[1, 9, 63, 5003]),
        // Rows leave one by one.
        (((65, 33, 1), 1..=6, LayerKind::Linear, 5003), &[1, 9, 63, 5003]),
        (((5, 256, 1), 1..=2, LayerKind::Linear, 301), &[1, 25, 100, 301]),
        (((600, 513, 2), 1..=2, LayerKind::Linear, 150), &[1, 2, 31, 150]),
        (((70_000, 33, 1), 0..=1, LayerKind::Linear, 5), &[1, 2, 5]),
    ] {
        check::<f32>(&case, portions);
        check::<f64>(&case, portions);
    }
}

#[test]
fn a_nan_stays_in_its_row() {
    let case = ((64, 32, 1), 1..=4, LayerKind::Linear, 1000);
    let (_vars, net) = network(&case, DType::F32);
    let predictor = Predictor::new(&net).unwrap();
    let mut x = rows(1000, 64, DType::F32).flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let predict = |x: &[f32]| -> Vec<f32> {
        let x = Tensor::from_slice(x, (1000, 64), &Device::Cpu).unwrap();
        predictor.predict(&x).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    };
    let mut before = predict(&x);
    for row in [0, 13, 503, 504, 999] {
        x[row * 64 + 5] = f32::NAN;
        before[row] = f32::NAN;
    }
    let after = predict(&x);
    assert_eq!(
        after.iter().map(|y| y.is_nan()).collect::<Vec<_>>(),
        before.iter().map(|y| y.is_nan()).collect::<Vec<_>>()
    );
    assert!(before.iter().zip(&after).all(|(a, b)| a.is_nan() || a == b));
}

/// Training continues without a change to what was copied.
#[test]
fn it_is_a_snapshot() {
    for dtype in [DType::F32, DType::F64, DType::F16] {
        let case = ((4, 5, 1), 1..=2, COS, 6);
        let (vars, net) = network(&case, dtype);
        let x = rows(6, 4, dtype);
        let predictor = Predictor::new(&net).unwrap();
        let before = values(&predictor.predict(&x).unwrap());
        for (_, var) in named_vars(&vars) {
            var.set(&(var.as_tensor() * 0.5).unwrap()).unwrap();
        }
        assert_eq!(values(&predictor.predict(&x).unwrap()), before);
        assert_ne!(values(&Predictor::new(&net).unwrap().predict(&x).unwrap()), before);
        // No graph leads to the variables.
        let y = predictor.predict(&x).unwrap();
        let loss = mse(&y, &y.zeros_like().unwrap()).unwrap();
        assert!(!loss.track_op());
    }
}

#[test]
fn no_rows_have_no_predictions() {
    let case = ((4, 5, 3), 1..=2, LayerKind::Linear, 0);
    for dtype in [DType::F32, DType::F64] {
        let (_vars, net) = network(&case, dtype);
        let predictor = Predictor::new(&net).unwrap().with_threads(threads(3));
        let prediction = predictor.predict_all_depths(&rows(0, 4, dtype)).unwrap();
        assert_eq!((prediction.mean.dims(), prediction.by_depth.dims()), (&[0, 3][..], &[0, 2, 3][..]));
        // A view that begins behind the end of its storage.
        let behind = rows(2, 5, dtype).narrow(0, 2, 0).unwrap().narrow(1, 1, 4).unwrap();
        assert_eq!(predictor.predict(&behind).unwrap().dims(), [0, 3]);
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let case = ((4, 5, 1), 1..=2, LayerKind::Linear, 0);
    for dtype in [DType::F32, DType::F16] {
        let (_vars, net) = network(&case, dtype);
        let predictor = Predictor::new(&net).unwrap();
        for x in [rows(3, 5, dtype), rows(3, 4, DType::F64), rows(1, 4, dtype).squeeze(0).unwrap()] {
            let error = predictor.predict(&x).unwrap_err();
            let expected =
                format!("Predictor: x is {:?} {:?} on Cpu, expected {dtype:?} [n, 4]", x.dtype(), x.dims());
            assert!(first_line(&error).contains(&expected), "{error}");
            predictor.predict_all_depths(&x).unwrap_err();
        }
    }
    let spec = ModelConfig::default().network(4, 0);
    let empty = DynamicNet::new(&spec, VarBuilder::zeros(DType::F32, &Device::Cpu)).unwrap();
    let error = Predictor::new(&empty).unwrap_err();
    assert!(first_line(&error).contains("output.weight is [0, 32]"), "{error}");
}
