//! The values at which partial dependence is computed.

use candle_core::{DType, Device, Tensor};

use super::Values;
use crate::data::{Column, DatePart, time_text};
use crate::error::Result;
use crate::stats::quantile_of_sorted;

/// The most numbers of a grid.
const MOST: usize = 20;
/// The most dates, of which each has its own season, weekday and hour.
const MOST_DATES: usize = 60;

/// The grid of each column.
#[derive(Debug, Clone)]
pub(crate) struct Grids(Vec<Grid>);

/// Some values of a column.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    pub(super) column: String,
    /// The number of its first feature.
    pub(super) first: usize,
    pub(super) values: Values,
    /// What its features are there, (values, width), as rows are kept.
    pub(super) features: Tensor,
}

impl Grid {
    /// Whether it has no values, since its column has none.
    pub(super) fn is_empty(&self) -> bool {
        self.features.elem_count() == 0
    }
}

impl Grids {
    /// The grids of `columns` for the rows `x` (n, features), which are kept relative to `origins` if there
    /// are any: all numbers of a column that has few, else quantiles from 0.025 to 0.975; likewise dates, of
    /// which there are more and each is that of a row; and all categories.
    pub(crate) fn new(columns: &[Column], x: &Tensor, origins: Option<&[f64]>) -> Result<Self> {
        let x = x.to_device(&Device::Cpu)?;
        let grid = |((first, width), column): ((usize, usize), &Column)| {
            let (values, features) =
                if let Some(at) = column.dates.iter().position(|part| *part == DatePart::Days) {
                    let origin = origins.map_or(0., |origins| origins[first + at]);
                    let days = dates(values(&x.narrow(1, first + at, 1)?)?);
                    let features = of_dates(column, &days, origin)?;
                    (Values::Dates(days.iter().map(|days| time_text(days + origin)).collect()), features)
                } else if column.categories.is_empty() {
                    let numbers = numbers(values(&x.narrow(1, first, 1)?)?);
                    let features = Tensor::new(&numbers[..], &Device::Cpu)?.unsqueeze(1)?;
                    let origin = origins.map_or(0., |origins| origins[first]);
                    (Values::Numbers(numbers.iter().map(|number| number + origin).collect()), features)
                } else {
                    (Values::Categories(column.categories.clone()), of_categories(column)?)
                };
            // What is drawn is never missing.
            let marks = width - features.dim(1)?;
            let features = features.pad_with_zeros(1, 0, marks)?;
            let features = features.to_dtype(x.dtype())?;
            Ok(Grid { column: column.name.clone(), first, values, features })
        };
        places(columns).zip(columns).map(grid).collect::<Result<_>>().map(Self)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Grid> {
        self.0.iter()
    }
}

/// The features of each category of `column` as rows have them: zeros and a one, or its place once for each
/// target by whose means it is encoded.
fn of_categories(column: &Column) -> candle_core::Result<Tensor> {
    let count = column.categories.len();
    match column.target_means {
        0 => Tensor::eye(count, DType::F64, &Device::Cpu),
        targets => {
            let places: Vec<f64> = (0..count).map(|place| place as f64).collect();
            Tensor::from_vec(places, (count, 1), &Device::Cpu)?.broadcast_as((count, targets))?.contiguous()
        }
    }
}

/// The features of a column of dates on each of these `days`, which are relative to an origin since 1970.
fn of_dates(column: &Column, days: &[f64], origin: f64) -> candle_core::Result<Tensor> {
    let of_day = |days: &f64| {
        let of_part = |part: &DatePart| match part {
            DatePart::Days => *days,
            part => part.of_days(days + origin),
        };
        column.dates.iter().map(of_part).collect::<Vec<_>>()
    };
    let features: Vec<_> = days.iter().flat_map(of_day).collect();
    Tensor::from_vec(features, (days.len(), column.dates.len()), &Device::Cpu)
}

/// The grid of a column of dates on these days, of which some may be missing.
fn dates(mut days: Vec<f64>) -> Vec<f64> {
    days.retain(|day| !day.is_nan());
    days.sort_unstable_by(f64::total_cmp);
    if days.chunk_by(|a, b| a == b).nth(MOST_DATES).is_some() {
        let at = |i: usize| days[(2 * i + 1) * days.len() / (2 * MOST_DATES)];
        days = (0..MOST_DATES).map(at).collect();
    }
    days.dedup();
    days
}

/// The grid of a column of these numbers, of which some may be missing.
fn numbers(mut numbers: Vec<f64>) -> Vec<f64> {
    numbers.retain(|number| !number.is_nan());
    numbers.sort_unstable_by(f64::total_cmp);
    let mut different: Vec<f64> =
        numbers.chunk_by(|a, b| a == b).take(MOST + 1).map(|equal| equal[0]).collect();
    if different.len() > MOST {
        let level = |i: usize| (i as f64 + 0.5) / MOST as f64;
        different = (0..MOST).map(|i| quantile_of_sorted(&numbers, level(i))).collect();
        different.dedup();
    }
    different
}

/// The number of the first feature of each column, and the number of its features.
pub(super) fn places(columns: &[Column]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut next = 0;
    columns.iter().map(move |column| {
        let first = next;
        next += column.width();
        (first, column.width())
    })
}

/// The elements of `x` in row-major order, in f64.
pub(super) fn values(x: &Tensor) -> candle_core::Result<Vec<f64>> {
    x.flatten_all()?.to_dtype(DType::F64)?.to_vec1()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The dates are those of rows, and have their own features.
    #[test]
    fn grids_of_dates_are_those_of_rows() {
        let parts = vec![DatePart::Days, DatePart::Year, DatePart::Wednesday, DatePart::HourSine];
        let column =
            Column { name: "sold".to_owned(), dates: parts, marks_missing: true, ..Column::default() };
        // 2024-01-31 was a Wednesday, day 19,753.
        let nan = f32::NAN;
        let x = [[1.25f32, 9., 9., 9., 0.], [nan; 5], [0., 9., 9., 9., 0.], [0., 9., 9., 9., 0.]];
        let x = Tensor::new(&x, &Device::Cpu).unwrap();
        let Grids(grids) = Grids::new(&[column], &x, Some(&[19_753., 0., 0., 0., 0.])).unwrap();
        let texts = ["2024-01-31", "2024-02-01 06:00:00"].map(str::to_owned);
        assert_eq!(grids[0].values, Values::Dates(texts.to_vec()));
        let features = grids[0].features.to_vec2::<f32>().unwrap();
        assert_eq!(features, [[0., 2024., 1., 0., 0.], [1.25, 2024., 0., 1., 0.]]);
        let many = dates((0..1000).rev().map(f64::from).collect());
        assert_eq!((many.len(), many[0], many[59]), (60, 8., 991.));
    }

    #[test]
    fn grids_are_the_numbers_or_their_quantiles_and_all_categories() {
        assert_eq!(numbers(vec![3., f64::NAN, 1., 3.]), [1., 3.]);
        let many = numbers((0..=200).rev().map(f64::from).collect());
        assert_eq!((many.len(), many[0], many[19]), (20, 5., 195.));
        assert!(numbers(vec![f64::NAN]).is_empty());
        let column = |name: &str, categories: &[&str]| Column {
            name: name.to_owned(),
            categories: categories.iter().map(|&category| category.to_owned()).collect(),
            ..Column::default()
        };
        let columns = [column("town", &["Bonn", "Ulm"]), column("size", &[])];
        let x = Tensor::new(&[[1f32, 0., 2.], [0., 1., 5.]], &Device::Cpu).unwrap();
        let Grids(grids) = Grids::new(&columns, &x, Some(&[0., 0., 100.])).unwrap();
        assert_eq!(grids[0].features.to_vec2::<f32>().unwrap(), [[1., 0.], [0., 1.]]);
        assert_eq!((&grids[1].values, grids[1].first), (&Values::Numbers(vec![102., 105.]), 2));
        assert_eq!(grids[1].features.to_vec2::<f32>().unwrap(), [[2.], [5.]]);
    }
}
