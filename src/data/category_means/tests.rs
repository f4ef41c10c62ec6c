//! The encoding by hand and by scikit-learn, and that nothing leaks.

use super::*;
use crate::random::{Stream, generator};

fn data(codes: &[f64], values: usize, y: &[f64]) -> Dataset {
    let x = Tensor::from_slice(codes, (codes.len(), 1), &Device::Cpu).unwrap();
    let y = Tensor::from_slice(y, (y.len(), 1), &Device::Cpu).unwrap();
    Dataset::new(x, y).unwrap().with_kinds(vec![FeatureKind::Code { values, target: 0 }]).unwrap()
}

fn largest_difference(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let largest = differences.fold(0f64, |largest, d| if d <= largest { largest } else { d });
    println!("largest difference {largest:e}");
    largest
}

const CODES: [f64; 12] = [0., 0., 0., 1., 1., 2., 2., 2., 2., f64::NAN, f64::NAN, 1.];
const Y: [f64; 12] = [1., 2., 1.5, 5., 6., 9., 8., 9.5, 8.5, 3., 4., 5.5];

/// `TargetEncoder(smooth=m)` of scikit-learn 1.9.1, less the mean target, with m by numpy as in the analysis of
/// variance: 0.03148 of all rows, and 0.02526 of those that are not in the part.
#[test]
fn means_are_those_of_scikit_learn() {
    let data = data(&CODES, 4, &Y);
    let x = data.x().to_vec2::<f64>().unwrap().concat();
    let codes = x.iter().map(|&code| place(code, 4)).collect();
    let coded = Coded { feature: 0, codes, values: 4, targets: Y.to_vec() };
    let all: Vec<_> = (0..12).collect();
    // scikit-learn has the missing value as the code 3, and nothing of the code 4.
    let expected = [
        -3.711_063_420_541_772_7,
        0.247_404_228_036_117_5,
        3.472_673_460_915_214,
        0.,
        -1.722_885_162_250_511_5,
    ];
    assert!(largest_difference(&[coded.fit(&all).mean], &[5.25]) <= 1e-14);
    assert!(largest_difference(&coded.fit(&all).differences, &expected) <= 1e-14);
    let part = (vec![0, 1, 3, 5, 6, 8, 9, 11], vec![2, 4, 7, 10]);
    let (_, column) = coded.encode(&all, &[part]);
    let found = [2, 4, 7, 10].map(|row: usize| column[row]);
    let expected = [-3.703_235_134_646_665_6, 0.0, 3.222_867_513_611_616_3, -2.194_573_366_654_765_8];
    assert!(largest_difference(&found, &expected) <= 1e-14);
    assert!(largest_difference(&[column[0]], &[-3.711_063_420_541_772_7]) <= 1e-14);
}

/// What a row is encoded by is not its own target, nor that of rows of its group; what is tested on is
/// encoded by all that is trained on, and trains nothing.
#[test]
fn no_row_is_told_its_own_target() {
    let rows: Vec<_> = (0..12).collect();
    let encode = |data: &Dataset, rows: &[u32]| {
        let (data, _) = CategoryMeans::encode(data, rows, &mut generator(1, Stream::Encoding, 0)).unwrap();
        data.x().flatten_all().unwrap().to_vec1::<f64>().unwrap()
    };
    let mean = |y: &[f64]| y.iter().sum::<f64>() / y.len() as f64;
    for groups in [None, Some([0u32, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5])] {
        let with = |y: &[f64]| match groups {
            Some(groups) => data(&CODES, 4, y).with_groups(groups.to_vec()).unwrap(),
            None => data(&CODES, 4, y),
        };
        let before = encode(&with(&Y), &rows);
        for changed in 0..12 {
            let mut y = Y;
            y[changed] += 100.;
            let after = encode(&with(&y), &rows);
            let group = groups.map_or(usize::MAX, |groups| groups[changed] as usize);
            for row in
                (0..12).filter(|row| *row == changed || groups.is_some_and(|g| g[*row] as usize == group))
            {
                // Relative to the mean of all, which is a constant.
                let difference = after[row] + mean(&y) - before[row] - mean(&Y);
                assert!(difference.abs() <= 1e-12, "row {row} of {changed}: {difference}");
            }
            let train: Vec<_> = rows.iter().copied().filter(|row| *row as usize != changed).collect();
            assert_eq!(encode(&with(&Y), &train), encode(&with(&y), &train));
        }
    }
}

/// Values that differ by no more than chance makes them, rows that have a value each, and a single row.
#[test]
fn what_says_nothing_becomes_zero() {
    let y: Vec<_> = (0..8).map(f64::from).collect();
    for (codes, values) in
        [([0., 1., 1., 0., 0., 1., 1., 0.], 2), ([0., 1., 2., 3., 4., 5., 6., 7.], 8), ([0.; 8], 1)]
    {
        let rows: Vec<_> = (0..8).collect();
        let data = data(&codes, values, &y);
        let (encoded, means) =
            CategoryMeans::encode(&data, &rows, &mut generator(1, Stream::Encoding, 0)).unwrap();
        assert_eq!(means.as_ref().unwrap().0[0].differences, vec![0.; values + 1]);
        // Unknown and missing values, too.
        let x = Tensor::new(&[[7f32], [8.], [f32::NAN], [-1.]], &Device::Cpu).unwrap();
        assert_eq!(means.unwrap().apply(&x).unwrap().to_vec2::<f32>().unwrap(), [[0.]; 4]);
        assert!(encoded.has_codes());
        let (one, _) = CategoryMeans::encode(&data, &[3], &mut generator(1, Stream::Encoding, 0)).unwrap();
        assert!(one.x().to_vec2::<f64>().unwrap().concat().iter().all(|x| x.is_finite()));
    }
    let error = CategoryMeans::encode(&data(&[0.; 8], 1, &y), &[8], &mut generator(1, Stream::Encoding, 0));
    assert!(error.unwrap_err().to_string().contains("row 8 of 8"));
}
