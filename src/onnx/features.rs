//! From the columns of a table to the features of a network.

use super::graph::{Attribute, Graph, Name, Type};
use super::{Gaps, dates};
use crate::data::{CategoryMeans, Column, Scaling, Unknown, missing_texts};
use crate::model::Model;

/// What a network takes of a table.
pub(super) struct Features {
    /// (N, features), in the type of the network.
    pub(super) x: Name,
    /// Which rows have a missing value that nothing fills in, (N, 1); none where all are filled.
    pub(super) incomplete: Option<Name>,
}

/// Adds an input for each column of `model`, and what makes features of them.
pub(super) fn features(graph: &mut Graph, model: &Model, gaps: Gaps, unknown: Unknown) -> Features {
    let schema = model.schema();
    let missing = missing_texts(&schema.na);
    // Beside the features what is NaN where a text is missing that means of a target have a value for.
    let (mut columns, mut beside, mut first) = (Vec::new(), Vec::new(), 0);
    for column in &schema.features {
        let (values, is_missing) = if !column.dates.is_empty() {
            let time = graph.input_in(dates::UNIT, &column.name);
            let is_missing = graph.node("IsNaN", &[&time]);
            (dates::features(graph, &column.dates, &time, &is_missing), Some(is_missing))
        } else if column.categories.is_empty() {
            let numbers = graph.input(&column.name, Type::Double);
            let is_missing = column.marks_missing.then(|| graph.node("IsNaN", &[&numbers]));
            (numbers, is_missing)
        } else {
            let codes = Codes::new(graph, column, &missing, unknown);
            let values = match (column.target_means, &schema.category_means) {
                (targets @ 1.., Some(means)) => codes.means(graph, means, first, targets),
                _ => codes.one_hot(graph),
            };
            (values, Some(codes.is_missing))
        };
        first += column.width();
        columns.push(values);
        if let Some(is_missing) = is_missing.filter(|_| column.marks_missing || column.target_means > 0) {
            let [nan, zero] = [f64::NAN, 0.].map(|number| graph.number(Type::Double, number));
            let mark = graph.node("Where", &[&is_missing, &nan, &zero]);
            (if column.marks_missing { &mut columns } else { &mut beside }).push(mark);
        }
    }
    let joined = |graph: &mut Graph, parts: &[Name]| {
        graph.node_with("Concat", &parts.iter().collect::<Vec<_>>(), &[Attribute::Int("axis", 1)])
    };
    let units = joined(graph, &columns);
    let is_missing = graph.node("IsNaN", &[&units]);
    let incomplete = (gaps == Gaps::Nan).then(|| {
        let mut is_any = is_missing.clone();
        if !beside.is_empty() {
            beside.insert(0, units.clone());
            let all = joined(graph, &beside);
            is_any = graph.node("IsNaN", &[&all]);
        }
        let ones = graph.cast(&is_any, Type::Float);
        let axes = Attribute::Ints("axes", vec![1]);
        let any = graph.node_with("ReduceMax", &[&ones], &[axes]);
        graph.cast(&any, Type::Bool)
    });
    let of = Type::of(model.dtype().into());
    let x = match &schema.feature_scaling {
        Some(scaling) => scaled(graph, scaling, &units, &is_missing, of),
        None => graph.cast(&units, of),
    };
    Features { x, incomplete }
}

/// A text column as the places of its categories.
struct Codes {
    /// The places (N, 1): of a missing value that behind the last, of another text one that there is not.
    places: Name,
    /// Where a value is missing, (N, 1).
    is_missing: Name,
    /// The number of categories.
    count: usize,
    unknown: Unknown,
}

impl Codes {
    fn new(graph: &mut Graph, column: &Column, missing: &[String], unknown: Unknown) -> Self {
        let count = column.categories.len() as i64;
        let text = graph.input(&column.name, Type::Text);
        let missing: Vec<_> =
            missing.iter().filter(|text| !column.categories.contains(text)).cloned().collect();
        let codes = (0..count).chain(std::iter::repeat_n(count, missing.len())).collect();
        let other = if unknown == Unknown::Missing { count } else { count + 1 };
        let places = graph.node_with(
            "LabelEncoder",
            &[&text],
            &[
                Attribute::Texts("keys_strings", [column.categories.clone(), missing].concat()),
                Attribute::Ints("values_int64s", codes),
                Attribute::Int("default_int64", other),
            ],
        );
        let behind = graph.integers("behind", &[count]);
        let is_missing = graph.node("Equal", &[&places, &behind]);
        Self { places, is_missing, count: column.categories.len(), unknown }
    }

    /// Zeros and ones in f64, NaN where the value is missing.
    ///
    /// A place beyond the last stands for an unknown text, which the encoder refuses or turns into zeros.
    fn one_hot(&self, graph: &mut Graph) -> Name {
        let (count, unknown) = (self.count as i64, self.unknown);
        let places = Attribute::Ints("cats_int64s", (0..=count).collect());
        let zeros = Attribute::Int("zeros", i64::from(unknown == Unknown::Zeros));
        let all = graph.node_with("OneHotEncoder", &[&self.places], &[places, zeros]);
        let shape = graph.integers("shape", &[-1, count + 1]);
        let all = graph.node("Reshape", &[&all, &shape]);
        let numbers = graph.integers("categories", &(0..count).collect::<Vec<_>>());
        let ones = graph.node_with("Gather", &[&all, &numbers], &[Attribute::Int("axis", 1)]);
        let ones = graph.cast(&ones, Type::Double);
        let nan = graph.number(Type::Double, f64::NAN);
        graph.node("Where", &[&self.is_missing, &nan, &ones])
    }

    /// The mean of each of the `targets` in f64, whose first feature is number `first`: looked up in a table
    /// with a row for each place, where gathering a place beyond the last row fails.
    fn means(&self, graph: &mut Graph, means: &CategoryMeans, first: usize, targets: usize) -> Name {
        let of_target = |target| means.of_feature(first + target);
        let mut rows = self.count + 1;
        let mut table: Vec<_> =
            (0..rows).flat_map(|code| (0..targets).map(move |target| of_target(target)[code])).collect();
        if self.unknown == Unknown::Zeros {
            rows += 1;
            table.resize(rows * targets, 0.);
        }
        let table = graph.numbers("means", Type::Double, &[rows, targets], &table);
        let means = graph.node_with("Gather", &[&table, &self.places], &[Attribute::Int("axis", 0)]);
        let shape = graph.integers("shape", &[-1, targets as i64]);
        graph.node("Reshape", &[&means, &shape])
    }
}

/// The scaling in f64 of what is rounded to the network's type as the distance from an origin, as [`Scaling`]
/// does it.
fn scaled(graph: &mut Graph, scaling: &Scaling, units: &Name, is_missing: &Name, of: Type) -> Name {
    let origins: Vec<_> = scaling.origins().collect();
    let shifts: Vec<_> = scaling.shifts().collect();
    let scales: Vec<_> = scaling.scales().collect();
    let filled: Vec<_> = scaling
        .fills()
        .zip(&shifts)
        .zip(&scales)
        .map(|((fill, shift), scale)| (fill - shift) / scale)
        .collect();
    let rest: Vec<_> = shifts.iter().zip(&origins).map(|(shift, origin)| shift - origin).collect();
    let clips: Vec<_> = scaling.clips().collect();
    let mut row = |hint, numbers: &[f64]| graph.numbers(hint, Type::Double, &[numbers.len()], numbers);
    let [origins, rest, scales, filled] =
        [row("origin", &origins), row("shift", &rest), row("scale", &scales), row("fill", &filled)];
    let mut x = graph.node("Sub", &[units, &origins]);
    if of == Type::Float {
        let rounded = graph.cast(&x, of);
        x = graph.cast(&rounded, Type::Double);
    }
    for (op, operand) in [("Sub", rest), ("Div", scales)] {
        x = graph.node(op, &[&x, &operand]);
    }
    let mut x = graph.node("Where", &[is_missing, &filled, &x]);
    if clips.iter().any(|clip| clip.is_finite()) {
        x = clipped(graph, &x, &clips);
    }
    graph.cast(&x, of)
}

/// x / sqrt(1 + (x / clip)^2), which is x where the clip is infinite.
fn clipped(graph: &mut Graph, x: &Name, clips: &[f64]) -> Name {
    let clips = graph.numbers("clip", Type::Double, &[clips.len()], clips);
    let one = graph.number(Type::Double, 1.);
    let parts = graph.node("Div", &[x, &clips]);
    let squares = graph.node("Mul", &[&parts, &parts]);
    let sum = graph.node("Add", &[&squares, &one]);
    let root = graph.node("Sqrt", &[&sum]);
    graph.node("Div", &[x, &root])
}
