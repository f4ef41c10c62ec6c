//! From transformed targets back to targets.

use super::graph::{Attribute, Graph, Name, Type};
use crate::data::{Limited, Transform};

/// `y` (N, targets * each) in f64 with each target's transform inverted, within its limits, where it has one.
pub(super) fn inverted(graph: &mut Graph, y: &Name, curves: &[Option<Limited>], each: usize) -> Name {
    let mut parts = Vec::new();
    for (target, curve) in curves.iter().enumerate() {
        let columns: Vec<_> = (0..each).map(|i| (target * each + i) as i64).collect();
        let columns = graph.integers("columns", &columns);
        let z = graph.node_with("Gather", &[y, &columns], &[Attribute::Int("axis", 1)]);
        parts.push(match curve {
            None => z,
            Some(Limited { transform, low, high }) => {
                let mut y = invert(graph, *transform, &z);
                for (op, limit) in [("Max", *low), ("Min", *high)] {
                    let limit = graph.number(Type::Double, limit);
                    y = graph.node(op, &[&y, &limit]);
                }
                y
            }
        });
    }
    let parts: Vec<_> = parts.iter().collect();
    graph.node_with("Concat", &parts, &[Attribute::Int("axis", 1)])
}

/// The numbers that are transformed to `z`, as [`Transform::invert`] has them.
fn invert(graph: &mut Graph, transform: Transform, z: &Name) -> Name {
    match transform {
        Transform::Log => graph.node("Exp", &[z]),
        Transform::YeoJohnson { lambda } => {
            let opposite = graph.node("Neg", &[z]);
            let (above, below) = (root(graph, z, lambda), root(graph, &opposite, 2. - lambda));
            let (below, zero) = (graph.node("Neg", &[&below]), graph.number(Type::Double, 0.));
            let is_above = graph.node("Greater", &[z, &zero]);
            graph.node("Where", &[&is_above, &above, &below])
        }
    }
}

/// (1 + max(lambda z, -1))^(1 / lambda) - 1, or exp(z) - 1 where lambda is 0.
fn root(graph: &mut Graph, z: &Name, lambda: f64) -> Name {
    let one = graph.number(Type::Double, 1.);
    let mut log = z.clone();
    if lambda != 0. {
        let [by, least] = [lambda, -1.].map(|number| graph.number(Type::Double, number));
        let product = graph.node("Mul", &[z, &by]);
        let limited = graph.node("Max", &[&product, &least]);
        let sum = graph.node("Add", &[&limited, &one]);
        let whole = graph.node("Log", &[&sum]);
        log = graph.node("Div", &[&whole, &by]);
    }
    let power = graph.node("Exp", &[&log]);
    graph.node("Sub", &[&power, &one])
}
