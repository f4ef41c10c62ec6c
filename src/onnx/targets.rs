//! From the outputs of a network to predictions of its targets.

use candle_core::Result;

use super::graph::{Attribute, Graph, Name, Type};
use super::transform;
use crate::data::Scaling;
use crate::model::Model;
use crate::nn::{DynamicNet, Gate, Outputs, going_on_at};

/// The prediction of `net` (N, outputs): the mean over all depths, or the weighted one down to where a row
/// exits.
pub(super) fn mean(graph: &mut Graph, net: &DynamicNet, outputs: &Outputs<Name>) -> Result<Name> {
    match net.gate() {
        None => Ok(plain_mean(graph, net, &outputs.by_depth)),
        Some(gate) => weighted_mean(graph, net, gate, outputs),
    }
}

fn plain_mean(graph: &mut Graph, net: &DynamicNet, by_depth: &[Name]) -> Name {
    let sum = graph.sum(by_depth);
    let count = graph.number(Type::of(net.dtype()), by_depth.len() as f64);
    graph.node("Div", &[&sum, &count])
}

/// The sum of `p_d y_d` over the sum of `p_d`, where d are the depths that a row reaches and `p_d` the
/// probabilities of stopping there, which are computed in f64.
fn weighted_mean(graph: &mut Graph, net: &DynamicNet, gate: &Gate, outputs: &Outputs<Name>) -> Result<Name> {
    let of = Type::of(net.dtype());
    let logits = gate.logits()?;
    let threshold = graph.number(Type::Double, going_on_at(net.spec().model.exit));
    let mut going_on = graph.numbers("going_on", Type::Double, &[1, 1], &[1.]);
    let (mut weights, mut terms) = (Vec::new(), Vec::new());
    for (depth, output) in outputs.by_depth.iter().enumerate() {
        let is_reached = graph.node("Greater", &[&going_on, &threshold]);
        let is_reached = graph.cast(&is_reached, Type::Double);
        let mut weight = graph.node("Mul", &[&going_on, &is_reached]);
        // After the last depth a row stops for certain.
        if let Some(&logit) = logits.get(depth) {
            let mut logit = graph.numbers("logit", Type::Double, &[1, 1], &[logit]);
            if let Some(own) = outputs.gates.get(depth) {
                let own = graph.cast(own, Type::Double);
                logit = graph.node("Add", &[&own, &logit]);
            }
            let opposite = graph.node("Neg", &[&logit]);
            let [stops, goes_on] = [&logit, &opposite].map(|logit| graph.node("Sigmoid", &[logit]));
            weight = graph.node("Mul", &[&weight, &stops]);
            going_on = graph.node("Mul", &[&going_on, &goes_on]);
        }
        let rounded = graph.cast(&weight, of);
        terms.push(graph.node("Mul", &[output, &rounded]));
        weights.push(weight);
    }
    let [sum, weight] = [terms, weights].map(|terms| graph.sum(&terms));
    let weight = graph.cast(&weight, of);
    Ok(graph.node("Div", &[&sum, &weight]))
}

/// The columns of `outputs` (N, outputs) of the network in the units of the targets in f64, quantiles in
/// ascending order, NaN in rows that are `incomplete`; and the number of the column of each output that is
/// called `names`.
pub(super) fn in_units(graph: &mut Graph, model: &Model, outputs: &Name, incomplete: Option<&Name>) -> Name {
    let schema = model.schema();
    let each = schema.quantiles.map_or(1, |quantiles| quantiles.len());
    let mut y = graph.cast(outputs, Type::Double);
    if let Some(scaling) = &schema.target_scaling {
        let repeated = |numbers: &mut dyn Iterator<Item = f64>| -> Vec<f64> {
            numbers.flat_map(|number| std::iter::repeat_n(number, each)).collect()
        };
        let (scales, shifts) = (repeated(&mut scaling.scales()), repeated(&mut scaling.shifts()));
        for (op, hint, numbers) in [("Mul", "scale", scales), ("Add", "shift", shifts)] {
            let numbers = graph.numbers(hint, Type::Double, &[numbers.len()], &numbers);
            y = graph.node(op, &[&y, &numbers]);
        }
    }
    let curves: Vec<_> = schema.target_scaling.iter().flat_map(Scaling::curves).collect();
    if curves.iter().any(Option::is_some) {
        y = transform::inverted(graph, &y, &curves, each);
    }
    if let Some(scaling) = schema.target_scaling.as_ref().filter(|scaling| scaling.is_limited()) {
        y = within_limits(graph, &y, scaling, each);
    }
    if each > 1 {
        let targets = schema.targets.len();
        let by_target = graph.integers("shape", &[-1, targets as i64, each as i64]);
        y = graph.node("Reshape", &[&y, &by_target]);
        y = graph.ascending(&y, 2, each);
        let flat = graph.integers("shape", &[-1, (targets * each) as i64]);
        y = graph.node("Reshape", &[&y, &flat]);
    }
    let Some(incomplete) = incomplete else { return y };
    let nan = graph.number(Type::Double, f64::NAN);
    graph.node("Where", &[incomplete, &nan, &y])
}

/// The columns of `y`, of which there are `each` of each target, within the limits of predictions.
fn within_limits(graph: &mut Graph, y: &Name, scaling: &Scaling, each: usize) -> Name {
    let mut y = y.clone();
    for (op, side) in [("Max", 0), ("Min", 1)] {
        let limits = scaling.limits().map(|limits| limits.unwrap_or([f64::MIN, f64::MAX])[side]);
        let limits: Vec<_> = limits.flat_map(|limit| std::iter::repeat_n(limit, each)).collect();
        let limits = graph.numbers("limit", Type::Double, &[limits.len()], &limits);
        y = graph.node(op, &[&y, &limits]);
    }
    y
}

/// Makes the columns of `y` the outputs of these names.
pub(super) fn name(graph: &mut Graph, y: &Name, names: &[(String, usize)]) {
    for (name, column) in names {
        let number = graph.integers("column", &[*column as i64]);
        let values = graph.node_with("Gather", &[y, &number], &[Attribute::Int("axis", 1)]);
        graph.output(name, &values);
    }
}
