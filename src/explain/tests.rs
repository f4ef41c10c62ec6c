//! Networks are laws here whose importance and dependence have closed forms.

use candle_core::{DType, Device, Tensor};
use rand::Rng;

use super::combine::combine;
use super::*;
use crate::error::Result;
use crate::evaluate::Readout;
use crate::ops::Quantiles;
use crate::random::{Stream, generator};
use grid::values;
use subject::shuffled;

/// A prediction of the features of a row.
type Law = dyn Fn(&[f64]) -> f64;

const ROWS: usize = 300;

/// Two numbers and a town of three, all independent.
fn columns() -> Vec<Column> {
    let column = |name: &str, categories: &[&str]| Column {
        name: name.to_owned(),
        categories: categories.iter().map(|&category| category.to_owned()).collect(),
        ..Column::default()
    };
    vec![column("a", &[]), column("town", &["Bonn", "Köln", "Ulm"]), column("b", &[])]
}

/// Rows of these columns, (ROWS, 5).
fn rows() -> Tensor {
    let mut rng = generator(3, Stream::Data, 0);
    let row = |_| {
        let town = rng.random_range(0..3usize);
        let is = |i: usize| f64::from(u8::from(i == town));
        [rng.random::<f64>(), is(0), is(1), is(2), 10. * rng.random::<f64>()]
    };
    let rows: Vec<f64> = (0..ROWS).flat_map(row).collect();
    Tensor::from_vec(rows, (ROWS, 5), &Device::Cpu).unwrap()
}

/// What a law of the features says of the rows, with its predictions as the truth.
fn ask(law: &Law, repeats: usize) -> (Explained, Explain, Grids) {
    let predict = |features: &Tensor| -> Result<Tensor> {
        // Of features that were doubled.
        let rows = (features / 2.)?.to_vec2::<f64>()?;
        let y: Vec<f64> = rows.iter().map(|row| law(row)).collect();
        Ok(Tensor::from_vec(y, (rows.len(), 1), &Device::Cpu)?)
    };
    let prepare = |x: &Tensor| -> Result<Tensor> { Ok((x * 2.)?) };
    let x = rows();
    let truth = values(&predict(&prepare(&x).unwrap()).unwrap()).unwrap();
    let explain = Explain { columns: columns(), repeats, error: ErrorKind::Rmse };
    let grids = Grids::new(&explain.columns, &x, None).unwrap();
    let subject = Subject { x, truth, prepare: &prepare, predict: &predict, readout: Readout::default() };
    let explained = subject.explain(&explain, &grids, &mut generator(5, Stream::Explain, 0)).unwrap();
    (explained, explain, grids)
}

fn largest(pairs: impl IntoIterator<Item = (f64, f64)>) -> f64 {
    let differences = pairs.into_iter().map(|(found, expected)| (found - expected).abs());
    differences.fold(0., |largest, difference| if difference <= largest { largest } else { difference })
}

/// A linear law that is met exactly errs by `w (x_i - x_p(i))` where a feature is shuffled by p, and the mean
/// of the square over all p is twice the variance times w^2.
#[test]
fn the_importance_of_a_linear_law_has_its_closed_form() {
    let law = |row: &[f64]| 3. * row[0] - 2. * row[1] + 5. * row[3];
    let (explained, ..) = ask(&law, 400);
    let rows = rows().to_vec2::<f64>().unwrap();
    let mut rng = generator(5, Stream::Explain, 0);
    let orders: Vec<_> = (0..400).map(|_| shuffled(ROWS, &mut rng)).collect();
    let parts: [&Law; 3] = [&|row| 3. * row[0], &|row| 5. * row[3] - 2. * row[1], &|_| 0.];
    let (mut exact, mut expected_square) = (Vec::new(), 0f64);
    for (found, part) in explained.increases.iter().zip(parts) {
        let values: Vec<f64> = rows.iter().map(|row| part(row)).collect();
        let square = |order: &Vec<u32>| {
            let squares = values.iter().zip(order).map(|(x, &p)| (x - values[p as usize]).powi(2));
            squares.sum::<f64>() / ROWS as f64
        };
        let squares: Vec<f64> = orders.iter().map(square).collect();
        let errors: Vec<f64> = squares.iter().map(|square| square.sqrt()).collect();
        exact.push((found[0][0], crate::stats::mean(&errors)));
        exact.push((found[0][1], crate::stats::sample_std(&errors)));
        let twice_the_variance = 2. * crate::stats::population_std(&values).powi(2);
        let [increase, deviation] = found[0];
        // The mean of the squares is the square of the mean and the variance, but for n - 1 in place of n.
        let mean_square = increase * increase + deviation * deviation * 399. / 400.;
        if twice_the_variance > 0. {
            expected_square = expected_square.max((mean_square / twice_the_variance - 1.).abs());
        }
    }
    let difference = largest(exact);
    println!("largest differences {difference:e}, and {expected_square:e} of the expected square");
    assert!(difference <= 1e-12 && explained.errors == [0.]);
    // The standard deviation of a square over shuffles is about sqrt(8 / 300) of it, over 400 of them 0.8 %.
    assert!(expected_square <= 0.02, "{expected_square}");
    assert_eq!(explained.increases[2][0], [0., 0.]);
}

/// Of an additive law the curve of a column is its own term plus the means of the others (Friedman, 2001).
#[test]
fn the_dependence_of_an_additive_law_is_its_term() {
    let law = |row: &[f64]| {
        row[0].sin() + [7., -1., 2.].iter().zip(&row[1..4]).map(|(w, x)| w * x).sum::<f64>() + row[4].powi(2)
    };
    let (explained, explain, grids) = ask(&law, 1);
    let rows = rows().to_vec2::<f64>().unwrap();
    let mean = |term: &Law| rows.iter().map(|row| term(row)).sum::<f64>() / ROWS as f64;
    let all = mean(&law);
    let explanation = combine(&explain, &grids, &[explained], &["y".to_owned()], 0.);
    assert_eq!((explanation.interval, explanation.networks), (Interval::Shuffles, 1));
    let mut pairs = Vec::new();
    for of in &explanation.targets[0].dependence {
        let expected: Vec<f64> = match (&of.values, of.column.as_str()) {
            (Values::Numbers(numbers), "a") => {
                numbers.iter().map(|x| all - mean(&|row| row[0].sin()) + x.sin()).collect()
            }
            (Values::Numbers(numbers), "b") => {
                numbers.iter().map(|x| all - mean(&|row| row[4].powi(2)) + x.powi(2)).collect()
            }
            (Values::Categories(categories), "town") => {
                assert_eq!(categories, &["Bonn", "Köln", "Ulm"]);
                let others = all - mean(&|row| 7. * row[1] - row[2] + 2. * row[3]);
                [7., -1., 2.].map(|term| others + term).to_vec()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(of.mean.len(), expected.len());
        // The rows' own curves are parallel, so all are in one place when they are moved.
        for found in [&of.mean, &of.low, &of.high] {
            pairs.extend(found.iter().copied().zip(expected.iter().copied()));
        }
    }
    assert_eq!(pairs.len(), 3 * (20 + 20 + 3));
    let difference = largest(pairs);
    println!("largest difference {difference:e}");
    assert!(difference <= 1e-11, "{difference}");
    let order: Vec<_> = explanation.targets[0].columns.iter().map(|of| of.column.as_str()).collect();
    assert_eq!(order, ["b", "town", "a"]);
}

/// Where a column works with another the rows' curves differ, and the band has their slopes: of y = a b it is
/// that of the deciles of b.
#[test]
fn the_band_is_where_the_rows_are() {
    let (explained, ..) = ask(&|row| row[0] * row[4], 1);
    let Curve { mean, low, high } = &explained.curves[0][0];
    let widths: Vec<f64> = high.iter().zip(low).map(|(high, low)| high - low).collect();
    assert!(widths[0] > 2. && widths[19] > 2. && widths[9] < 0.5, "{widths:?}");
    assert!(mean.is_sorted() && widths.iter().all(|width| *width >= 0.));
}

/// d = -0.031, -0.012, 0.004, -0.022, -0.018 of 5 folds have the corrected t -1.8053900815, so the interval
/// is so many times as long as the mean is far from 0 as the quantile of Student's distribution says.
#[test]
fn the_interval_is_corrected_for_shared_rows() {
    let explain = Explain { columns: vec![Column::unnamed(1).remove(0)], repeats: 5, error: ErrorKind::Mae };
    let x = Tensor::zeros((1, 1), DType::F64, &Device::Cpu).unwrap();
    let grids = Grids::new(&explain.columns, &x, None).unwrap();
    let curve = |y: f64| Curve { mean: vec![y], low: vec![y], high: vec![y] };
    let of = |increase: f64| Explained {
        errors: vec![1.],
        increases: vec![vec![[increase, 9.]]],
        curves: vec![vec![curve(increase)]],
    };
    let explained = [-0.031, -0.012, 0.004, -0.022, -0.018].map(of);
    let explanation = combine(&explain, &grids, &explained, &["y".to_owned()], 0.25);
    let Importance { increase, low, high, .. } = explanation.targets[0].columns[0];
    let half = 2.776_445_105_2 * 0.0158 / 1.805_390_081_5;
    let difference = largest([(increase, -0.0158), (low, -0.0158 - half), (high, -0.0158 + half)]);
    println!("largest difference {difference:e}");
    assert!(difference <= 1e-10, "{difference}");
    assert_eq!(explanation.interval, Interval::CorrectedStudent);
    let of = &explanation.targets[0].dependence[0];
    assert_eq!((of.low[0], of.high[0]), (-0.031, 0.004));
}

/// The pinball loss is the mean over the quantiles of each target, as by `mean_pinball_loss` of scikit-learn.
#[test]
fn errors_are_those_of_each_target() {
    let quantiles = Quantiles::new(&[0.25, 0.5]).unwrap();
    let features = Tensor::new(&[[1f64, 3., 10., 10.], [2., 2., 11., 14.]], &Device::Cpu).unwrap();
    let prepare = |x: &Tensor| -> Result<Tensor> { Ok(x.clone()) };
    let errors = |quantiles, truth: Vec<f64>, kind| {
        let readout = Readout { scaling: None, quantiles };
        let x = features.clone();
        Subject { x, truth, prepare: &prepare, predict: &prepare, readout }.errors(&features, kind).unwrap()
    };
    let found = errors(Some(quantiles), vec![2., 9., 4., 12.], ErrorKind::Pinball);
    // y - q is 1, -1 and 2, 2 of the first target, -1, -1 and 1, -2 of the second.
    let expected = [(0.25 + 0.5 + 0.5 + 1.) / 4., (0.75 + 0.5 + 0.25 + 1.) / 4.];
    assert_eq!(found, expected);
    let truth = || vec![1., 3., 10., 12., 2., 0., 11., 14.];
    assert_eq!(errors(None, truth(), ErrorKind::Rmse), [0., 2f64.sqrt(), 0., 2f64.sqrt()]);
    assert_eq!(errors(None, truth(), ErrorKind::Mae), [0., 1., 0., 1.]);
}

#[test]
fn questions_have_to_fit_the_data() {
    let explain = |repeats| Explain { columns: columns(), repeats, error: ErrorKind::Rmse };
    assert!(explain(1).check(5).is_ok());
    let message = |explain: Explain, features| explain.check(features).unwrap_err().to_string();
    assert!(message(explain(1), 6).contains("columns of 5 features, expected those of the data's 6"));
    assert!(message(explain(0), 5).contains("0 shuffles"));
}

#[test]
fn a_column_without_values_has_no_curve() {
    let x = Tensor::new(&[[1f64, f64::NAN], [2., f64::NAN]], &Device::Cpu).unwrap();
    let explain = Explain { columns: Column::unnamed(2), repeats: 2, error: ErrorKind::Rmse };
    let grids = Grids::new(&explain.columns, &x, None).unwrap();
    let prepare = |x: &Tensor| -> Result<Tensor> { Ok(x.clone()) };
    let predict = |x: &Tensor| -> Result<Tensor> { Ok(x.narrow(1, 0, 1)?.contiguous()?) };
    let subject =
        Subject { x, truth: vec![1., 2.], prepare: &prepare, predict: &predict, readout: Readout::default() };
    let explained = subject.explain(&explain, &grids, &mut generator(1, Stream::Explain, 0)).unwrap();
    assert_eq!(
        (explained.curves[0][0].mean.as_slice(), explained.curves[1][0].mean.len()),
        ([1., 2.].as_slice(), 0)
    );
    assert_eq!(explained.increases[1][0], [0., 0.]);
}

#[test]
fn many_rows_are_thinned_the_same_way_each_time() {
    let rows = 20_000;
    let x = Tensor::arange(0f64, f64::from(rows), &Device::Cpu).unwrap().unsqueeze(1).unwrap();
    let prepare = |x: &Tensor| -> Result<Tensor> { Ok(x.clone()) };
    let predict = |x: &Tensor| -> Result<Tensor> {
        assert!(x.dims()[0] <= 1 << 14, "{:?}", x.dims());
        Ok(x.clone())
    };
    let explain = Explain { columns: Column::unnamed(1), repeats: 1, error: ErrorKind::Rmse };
    let grids = Grids::new(&explain.columns, &x, None).unwrap();
    let ask = |seed| {
        let truth = values(&x).unwrap();
        let readout = Readout::default();
        let subject = Subject { x: x.clone(), truth, prepare: &prepare, predict: &predict, readout };
        let explained = subject.explain(&explain, &grids, &mut generator(seed, Stream::Explain, 0)).unwrap();
        assert_eq!(explained.errors, [0.]);
        explained.increases[0][0][0]
    };
    assert_eq!(ask(1), ask(1));
    assert_ne!(ask(1), ask(2));
}
