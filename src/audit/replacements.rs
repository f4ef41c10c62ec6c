//! What this crate has in the place of functions of Candle that are not right.

use crate::gradcheck::{Row, Verdict};

/// A case of Candle, and the path of ours that is right.
const REPLACEMENTS: [(&str, &str); 5] = [
    ("softmax_last_dim", "taper::ops::softmax_last_dim"),
    ("layer_norm", "taper::ops::layer_norm"),
    ("rms_norm", "taper::ops::rms_norm"),
    ("LayerNorm", "taper::ops::layer_norm"),
    ("RmsNorm", "taper::ops::rms_norm"),
];

/// Names the functions of Candle among `rows` that have no right derivative, each once, beside the function
/// of this crate that computes the same and has one, where there is one.
///
/// ```
/// use candle_core::Device;
/// use taper::audit;
///
/// let rows = audit::run(&audit::candle_cases()?, "softmax", &Device::Cpu)?;
/// assert_eq!(audit::replacements(&rows), [("softmax_last_dim", "taper::ops::softmax_last_dim")]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn replacements(rows: &[Row]) -> Vec<(&'static str, &'static str)> {
    let has_finding = |name: &str| {
        let found = [Verdict::Wrong, Verdict::Severed, Verdict::Panics, Verdict::Fails, Verdict::Unsupported];
        rows.iter().any(|row| row.name == name && found.contains(&row.verdict))
    };
    REPLACEMENTS.into_iter().filter(|(name, _)| has_finding(name)).collect()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::audit::{candle_cases, own_cases, run};

    /// An upgrade of Candle that cures one shows here, and so does a function of ours that is not checked.
    #[test]
    fn each_replaces_a_finding_by_what_is_right() {
        let theirs = run(&candle_cases().unwrap(), "", &Device::Cpu).unwrap();
        assert_eq!(replacements(&theirs), REPLACEMENTS);
        let ours = run(&own_cases().unwrap(), "", &Device::Cpu).unwrap();
        for (name, path) in REPLACEMENTS {
            let function = path.rsplit("::").next().unwrap();
            let rows: Vec<_> = ours.iter().filter(|row| row.name.starts_with(function)).collect();
            assert!(!rows.is_empty(), "{name}: {path} is not checked");
            assert!(rows.iter().all(|row| row.verdict == Verdict::Right), "{name}: {path}");
        }
        assert_eq!(replacements(&ours), []);
    }
}
