//! Scalings against their definitions.

use super::*;
use crate::data::dataset::Dataset;

fn matrix(rows: &[[f64; 2]]) -> Tensor {
    Tensor::from_slice(rows.as_flattened(), (rows.len(), 2), &Device::Cpu).unwrap()
}

#[test]
fn constant_columns_become_zero_and_missing_values_the_mean() {
    let x = matrix(&[[0.1, f64::NAN], [0.1, 2.], [0.1, 4.]]);
    let scaled = Scaling::standard(&x, &[0, 1, 2]).unwrap().apply(&x).unwrap();
    assert_eq!(scaled.to_vec2::<f64>().unwrap(), [[0., 0.], [0., -1.], [0., 1.]]);
    let filled = Scaling::filling(&x, &[1, 2]).unwrap().apply(&x).unwrap();
    assert_eq!(filled.to_vec2::<f64>().unwrap(), [[0.1, 3.], [0.1, 2.], [0.1, 4.]]);
}

#[test]
fn columns_without_a_value_become_zero() {
    let x = matrix(&[[1., f64::NAN], [3., f64::NAN]]);
    let scaled = Scaling::standard(&x, &[0, 1]).unwrap().apply(&x).unwrap();
    assert_eq!(scaled.to_vec2::<f64>().unwrap(), [[-1., 0.], [1., 0.]]);
}

#[test]
fn a_large_mean_does_not_cancel() {
    let rows: Vec<_> = (0..100).map(|i| [1e9 + f64::from(i % 2), 0.]).collect();
    let x = matrix(&rows);
    let scaling = Scaling::standard(&x, &(0..100).collect::<Vec<_>>()).unwrap();
    assert_eq!(scaling.scales().collect::<Vec<_>>(), [0.5, 1.]);
}

/// Dates of which all rows share six digits: of f32 numbers nothing would be left, and of numbers
/// relative to the first one all is.
#[test]
fn a_large_origin_costs_no_digits() {
    let dates = [2_460_000.503_617, 2_460_000.504_746, 2_460_000.505_401, 2_460_007.25];
    let rows: Vec<_> = dates.iter().map(|&date| [date, -date]).collect();
    let x = matrix(&rows);
    let origins = [dates[0], -dates[0]];
    let stored: Vec<_> = rows
        .as_flattened()
        .iter()
        .zip(origins.iter().cycle())
        .map(|(x, origin)| (x - origin) as f32)
        .collect();
    let stored = Tensor::from_vec(stored, (4, 2), &Device::Cpu).unwrap();
    let exact = Scaling::standard(&x, &[0, 1, 2, 3]).unwrap().apply(&x).unwrap();
    let data = Dataset::new(stored.clone(), stored.clone()).unwrap().with_origins(origins.to_vec()).unwrap();
    let scaling = Scaling::standard_features(&data, &[0, 1, 2, 3]).unwrap();
    let scaled = scaling.apply(&stored).unwrap();
    let values =
        |x: &Tensor| x.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
    let largest = values(&exact).iter().zip(values(&scaled)).map(|(a, b)| (a - b).abs()).fold(0., f64::max);
    println!("largest difference {largest:e}");
    assert!(largest <= 2e-7, "{largest}");
    let same = scaling.apply_to_units(&x, DType::F32).unwrap();
    assert_eq!(values(&same), values(&scaled));
    let filling = Scaling::filling_features(&data, &[0, 1, 2, 3]).unwrap();
    let units = values(&filling.apply(&stored).unwrap());
    assert_eq!(units, values(&x.to_dtype(DType::F32).unwrap()));
    // A constant becomes 0, wherever it is.
    let constant = Scaling::standard_features(&data, &[0]).unwrap();
    assert_eq!(values(&constant.apply(&stored).unwrap())[..2], [0., 0.]);
    // As in the files of models.
    let text = serde_json::to_string(&scaling).unwrap();
    assert_eq!(serde_json::from_str::<Scaling>(&text).unwrap(), scaling);
}

#[test]
fn inverting_gives_back_the_units() {
    let x = matrix(&[[1., -7.], [2., 9.], [6., 3.]]);
    let scaling = Scaling::standard(&x, &[0, 1]).unwrap();
    let mut values: Vec<f64> = scaling.apply(&x).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    scaling.invert(&mut values);
    assert_eq!(values, [1., -7., 2., 9., 6., 3.]);
    let mut twice: Vec<f64> = vec![-1., 1., -1., 1.];
    scaling.invert_each(&mut twice, 2);
    assert_eq!(twice, [1., 2., -7., 9.]);
}

#[test]
fn views_and_single_precision_are_scaled() {
    let x = matrix(&[[1., 10.], [3., 30.]]).to_dtype(DType::F32).unwrap().t().unwrap();
    let scaled = Scaling::standard(&x, &[0, 1]).unwrap().apply(&x).unwrap();
    assert_eq!(scaled.to_vec2::<f32>().unwrap(), [[-1., -1.], [1., 1.]]);
}

#[test]
fn other_rows_columns_and_dtypes_are_rejected() {
    let x = matrix(&[[1., 2.]]);
    let message = |result: Result<Scaling>| result.unwrap_err().to_string();
    assert!(message(Scaling::standard(&x, &[1])).contains("row 1 of 1"));
    assert!(message(Scaling::standard(&x.to_dtype(DType::U32).unwrap(), &[0])).contains("x is U32"));
    let scaling = Scaling::standard(&x, &[0]).unwrap();
    let wrong = scaling.apply(&x.t().unwrap()).unwrap_err().to_string();
    assert!(wrong.contains("x is [2, 1], expected (n, 2)"), "{wrong}");
}
