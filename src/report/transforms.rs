//! What the targets were transformed by, in words.

use std::collections::BTreeMap;

use crate::config::TargetTransform;
use crate::data::Transform;
use crate::results::Validation;
use crate::stats;

/// What the targets of each network became, and by how much, in a sentence without a full stop; nothing where
/// no transform is set.
pub(super) fn transforms<'a>(
    set: TargetTransform,
    networks: impl Iterator<Item = (Option<&'a Validation>, &'a [Option<Transform>])>,
) -> Option<String> {
    let networks: Vec<_> = networks.collect();
    match set {
        TargetTransform::None => None,
        TargetTransform::Auto => Some(chosen(networks.iter().filter_map(|network| network.0))),
        TargetTransform::Log | TargetTransform::YeoJohnson => {
            let lambda = lambdas(networks.iter().flat_map(|network| network.1).flatten());
            Some(format!("targets were learned as their {} transform{lambda}", set.name()))
        }
    }
}

/// The range of the powers, if there are such.
fn lambdas<'a>(transforms: impl Iterator<Item = &'a Transform>) -> String {
    let lambdas = transforms.filter_map(|transform| match transform {
        Transform::YeoJohnson { lambda } => Some(*lambda),
        Transform::Log => None,
    });
    let ends = lambdas.fold(None, |ends: Option<[f64; 2]>, lambda| {
        let [low, high] = ends.unwrap_or([lambda; 2]);
        Some([low.min(lambda), high.max(lambda)])
    });
    match ends.map(|ends| ends.map(|lambda| format!("{lambda:.2}"))) {
        Some([low, high]) if low == high => format!(" of lambda {low}"),
        Some([low, high]) => format!(" of lambda {low} to {high}"),
        None => String::new(),
    }
}

/// Which transforms the rows for validation chose.
fn chosen<'a>(validations: impl Iterator<Item = &'a Validation>) -> String {
    let mut gains: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut best = Vec::new();
    for validation in validations {
        let (Some(chosen), [without, tried @ ..]) = (validation.chosen(), &validation.trials[..]) else {
            continue;
        };
        let gain = |loss: f64| 100. * (1. - loss / without.loss);
        gains.entry(chosen.transform.name()).or_default().push(gain(chosen.loss));
        best.extend(tried.iter().map(|trial| gain(trial.loss)).reduce(f64::max));
    }
    if best.is_empty() {
        return "targets were learned as they are: none is skewed, so no transform was tried".to_owned();
    }
    let others = || gains.iter().filter(|(name, _)| **name != TargetTransform::None.name());
    if others().next().is_none() {
        let best = stats::mean(&best);
        let how = if best > 0. { "lower" } else { "higher" };
        return format!(
            "targets were learned as they are: with the best transform the validation loss was {:.1} % {how}, which \
             is not clear",
            best.abs()
        );
    }
    let shown = |(name, gains): (&&str, &Vec<f64>)| {
        let (gain, count) = (stats::mean(gains), gains.len());
        format!("{name} in {count}, with a validation loss {gain:.1} % lower than without")
    };
    let shown: Vec<_> = others().map(shown).collect();
    let (count, networks) = (best.len(), if best.len() == 1 { "network" } else { "networks" });
    format!("transforms of the targets chosen for {count} {networks}: {}", shown.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::TransformTrial;

    fn validation(losses: &[f64]) -> Validation {
        let names = [TargetTransform::None, TargetTransform::Log, TargetTransform::YeoJohnson];
        let trials = names.into_iter().zip(losses);
        let trials = trials.map(|(transform, loss)| TransformTrial { transform, loss: *loss, epochs: 3 });
        Validation {
            rows: 400,
            loss: Vec::new(),
            selected: 3,
            stopped: false,
            members: Vec::new(),
            trials: trials.collect(),
        }
    }

    #[test]
    fn what_was_chosen_is_said() {
        let [even, same, log] = [&[][..], &[10., 9.6, 11.], &[10., 5., 6.]].map(validation);
        let of = |validations: &[&Validation]| {
            let networks = validations.iter().map(|validation| (Some(*validation), &[][..]));
            transforms(TargetTransform::Auto, networks).unwrap()
        };
        for (validations, expected) in [
            (&[&even][..], "targets were learned as they are: none is skewed, so no transform was tried"),
            (
                &[&same, &same],
                "targets were learned as they are: with the best transform the validation loss was 4.0 % lower, which is not \
                 clear",
            ),
            (
                &[&same, &log],
                "transforms of the targets chosen for 2 networks: log in 1, with a validation loss 50.0 % lower than \
                 without",
            ),
        ] {
            assert_eq!(of(validations), expected);
        }
        let fitted = [0.25, 0.5].map(|lambda| [Some(Transform::YeoJohnson { lambda }), None]);
        let networks = || fitted.iter().map(|of| (None, &of[..]));
        let said = |set| transforms(set, networks());
        assert_eq!(
            said(TargetTransform::YeoJohnson).unwrap(),
            "targets were learned as their yeo-johnson transform of lambda 0.25 to 0.50"
        );
        assert_eq!(said(TargetTransform::None), None);
    }
}
