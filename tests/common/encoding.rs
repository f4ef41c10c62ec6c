//! Networks whose features are encoded by numbers that were drawn.

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarMap;
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use taper::nn::DynamicNetSpec;

/// The network of `spec` with each feature, and the first twice, in `each` columns; their constants become
/// variables of `vars`.
pub fn encoded(spec: DynamicNetSpec, each: usize, vars: &VarMap, dtype: DType) -> DynamicNetSpec {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let features = [0].into_iter().chain(0..spec.in_features);
    let feature: Vec<f64> = features.flat_map(|feature| vec![feature as f64; each]).collect();
    let columns = feature.len();
    let mut draw = |from: f64, to: f64| (0..columns).map(|_| rng.random_range(from..to)).collect::<Vec<_>>();
    let constants = [
        ("feature", feature),
        ("scale", draw(-2., 2.)),
        ("shift", draw(-1., 1.)),
        ("low", draw(-2., 0.)),
        ("high", draw(0.1, 2.)),
        ("bend", draw(0., 2.)),
    ];
    let mut vars = vars.data().lock().unwrap();
    for (name, numbers) in constants {
        let numbers = Tensor::from_vec(numbers, columns, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
        vars.insert(format!("encoding.{name}"), Var::from_tensor(&numbers).unwrap());
    }
    DynamicNetSpec { encoded: columns, ..spec }
}
