//! The generator against published numbers, and the mask's statistics.

use candle_core::{DType, Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{dropout, seed_of};
use crate::ops::testing::{View, assert_close, eighths, message, results, tolerance, values};

/// Those of Vigna's splitmix64.c, as Rosetta Code lists them.
#[test]
fn the_numbers_are_those_of_splitmix64() {
    let expected = [
        6_457_827_717_110_365_317,
        3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
        4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
    ];
    assert_eq!([0, 1, 2, 3, 4].map(|i| seed_of(1_234_567, i)), expected);
}

#[test]
fn the_share_of_zeros_is_the_rate_and_the_mean_stays() {
    let n = 1 << 18;
    let ones = Tensor::ones(n, DType::F64, &Device::Cpu).unwrap();
    for (seed, rate) in [(1, 0.), (2, 1e-3), (3, 0.1), (4, 0.5), (5, 0.9)] {
        let z = values(&dropout(&ones, rate, seed).unwrap());
        let zeros = z.iter().filter(|z| **z == 0.).count() as f64 / n as f64;
        // Five standard deviations.
        let allowed = 5. * (rate * (1. - rate) / n as f64).sqrt();
        println!("rate {rate}: {zeros} zeros, {allowed:e} allowed");
        assert!((zeros - rate).abs() <= allowed, "{zeros} zeros for {rate}");
        assert!(z.iter().all(|z| *z == 0. || *z == 1. / (1. - rate)), "rate {rate}");
    }
}

/// Neighbouring seeds, and the seeds of neighbouring steps, have masks as different as any two.
#[test]
fn masks_of_different_seeds_are_independent() {
    let n = 1 << 16;
    let ones = Tensor::ones(n, DType::F32, &Device::Cpu).unwrap();
    let mask = |seed| values(&dropout(&ones, 0.5, seed).unwrap());
    for [a, b] in [[1, 2], [7, seed_of(7, 0)], [seed_of(7, 0), seed_of(7, 1)], [seed_of(7, 1), seed_of(8, 1)]]
    {
        let equal = mask(a).iter().zip(mask(b)).filter(|(a, b)| **a == *b).count() as f64 / n as f64;
        // Five standard deviations of a fair coin.
        assert!((equal - 0.5).abs() <= 2.5 / (n as f64).sqrt(), "seeds {a} and {b}: {equal} equal");
    }
}

#[test]
fn every_dtype_and_layout_has_the_same_mask() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for shape in [[9].as_slice(), &[5, 17], &[2, 3, 33]] {
        for view in View::ALL {
            let view = if shape.len() == 1 { View::Contiguous } else { view };
            let views = [(view, shape.to_vec())];
            let bases = [eighths(&view.base(shape), &mut rng)];
            let upstream = eighths(shape, &mut rng);
            let mask = dropout(&Tensor::ones(shape, DType::F64, &Device::Cpu).unwrap(), 0.25, 9).unwrap();
            let expected = results(|x| &x[0] * &mask, &bases, &views, DType::F64, &upstream);
            for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
                let ours = results(|x| dropout(&x[0], 0.25, 9), &bases, &views, dtype, &upstream);
                for (part, (ours, expected)) in ours.iter().zip(&expected).enumerate() {
                    let what = format!("{shape:?} {view:?} {dtype:?}: {part}");
                    assert_close(&what, ours, expected, tolerance(dtype, 64));
                }
            }
        }
    }
}

#[test]
fn what_is_dropped_is_zero_whatever_it_was_and_rates_are_checked() {
    let nan = Tensor::full(f32::NAN, 8, &Device::Cpu).unwrap();
    let z = values(&dropout(&nan, 0.5, 1).unwrap());
    assert!(z.contains(&0.) && z.iter().any(|z| z.is_nan()), "{z:?}");
    for rate in [1., -0.1, f64::NAN] {
        let expected = format!("dropout: the rate is {rate}, expected one from 0 to below 1");
        assert_eq!(message(dropout(&nan, rate, 1)), expected);
    }
    let integers = Tensor::zeros(2, DType::U32, &Device::Cpu).unwrap();
    let expected = "dropout: x is U32 [2] on Cpu, expected F16, BF16, F32 or F64";
    assert_eq!(message(dropout(&integers, 0.5, 1)), expected);
}
