//! From the columns of a table to the features of a network.

use super::Gaps;
use super::graph::{Attribute, Graph, Name, Type};
use crate::data::{Column, Scaling, Unknown, missing_texts};
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
    let columns: Vec<_> = schema
        .features
        .iter()
        .map(|column| match column.categories[..] {
            [] => graph.input(&column.name, Type::Double),
            _ => one_hot(graph, column, &missing, unknown),
        })
        .collect();
    let columns: Vec<_> = columns.iter().collect();
    let axis = [Attribute::Int("axis", 1)];
    let units = graph.node_with("Concat", &columns, &axis);
    let is_missing = graph.node("IsNaN", &[&units]);
    let incomplete = (gaps == Gaps::Nan).then(|| {
        let ones = graph.cast(&is_missing, Type::Float);
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

/// A text column as zeros and ones in f64, NaN where the value is missing.
///
/// Categories become their places, what stands for a missing value the place behind the last, and other texts
/// -1. The encoder of the places refuses -1, or makes zeros of it.
fn one_hot(graph: &mut Graph, column: &Column, missing: &[String], unknown: Unknown) -> Name {
    let count = column.categories.len() as i64;
    let text = graph.input(&column.name, Type::Text);
    let missing: Vec<_> = missing.iter().filter(|text| !column.categories.contains(text)).cloned().collect();
    let codes = (0..count).chain(std::iter::repeat_n(count, missing.len())).collect();
    let other = if unknown == Unknown::Missing { count } else { -1 };
    let code = graph.node_with(
        "LabelEncoder",
        &[&text],
        &[
            Attribute::Texts("keys_strings", [column.categories.clone(), missing].concat()),
            Attribute::Ints("values_int64s", codes),
            Attribute::Int("default_int64", other),
        ],
    );
    let places = Attribute::Ints("cats_int64s", (0..=count).collect());
    let zeros = Attribute::Int("zeros", i64::from(unknown == Unknown::Zeros));
    let all = graph.node_with("OneHotEncoder", &[&code], &[places, zeros]);
    let shape = graph.integers("shape", &[-1, count + 1]);
    let all = graph.node("Reshape", &[&all, &shape]);
    let numbers = graph.integers("categories", &(0..count).collect::<Vec<_>>());
    let ones = graph.node_with("Gather", &[&all, &numbers], &[Attribute::Int("axis", 1)]);
    let ones = graph.cast(&ones, Type::Double);
    let behind = graph.integers("behind", &[count]);
    let is_missing = graph.node("Equal", &[&code, &behind]);
    let nan = graph.number(Type::Double, f64::NAN);
    graph.node("Where", &[&is_missing, &nan, &ones])
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
    let x = graph.node("Where", &[is_missing, &filled, &x]);
    graph.cast(&x, of)
}
