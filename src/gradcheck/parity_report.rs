//! The result of a comparison of devices or dtypes.

use std::fmt;

use serde::Serialize;

use super::jacobian::Entry;

/// What a comparison compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Sides {
    #[default]
    Devices,
    DTypes,
}

impl Sides {
    /// What the other side is compared with.
    fn reference(self) -> &'static str {
        match self {
            Self::Devices => "the CPU",
            Self::DTypes => "f64",
        }
    }

    /// Where a number of the reference and one of the other side are.
    fn places(self) -> [&'static str; 2] {
        match self {
            Self::Devices => ["on the CPU", "on the device"],
            Self::DTypes => ["in f64", "in the coarser dtype"],
        }
    }

    /// Where something is that is not on both sides.
    pub(super) fn one(self) -> &'static str {
        match self {
            Self::Devices => "on one device",
            Self::DTypes => "in one dtype",
        }
    }
}

/// Values and gradients of a function on a device, compared with those on the CPU, or in a coarse dtype,
/// compared with those in F64.
///
/// In the entries, `numerical` is the value on the CPU or in F64, and `analytical` the other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parity {
    /// The device or the dtype.
    pub device: String,
    #[serde(skip)]
    pub(super) sides: Sides,
    /// The worst element of each output, of which integers must be equal; `None` for an empty one.
    pub values: Vec<Option<Entry>>,
    /// The worst element of each gradient, by output and then by input; `None` where there is none to
    /// compare.
    pub gradients: Vec<Option<Entry>>,
    /// Everything else that is wrong on either side.
    pub failures: Vec<String>,
}

impl Parity {
    /// Whether the two agree.
    pub fn passed(&self) -> bool {
        let mut entries = self.values.iter().chain(&self.gradients).flatten();
        self.failures.is_empty() && entries.all(Entry::agrees)
    }
}

impl fmt::Display for Parity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passed() { "agrees" } else { "disagrees" };
        write!(f, "{} {verdict} with {}", self.device, self.sides.reference())?;
        for failure in &self.failures {
            write!(f, "\n  {failure}")?;
        }
        let [here, there] = self.sides.places();
        let mut write_entry = |what: String, entry: &Entry| {
            let Entry { numerical, analytical, absolute, tolerance, .. } = entry;
            write!(
                f,
                "\n  {what} is {numerical:.6e} {here} and {analytical:.6e} {there}: off by {absolute:.3e}, \
                 tolerance {tolerance:.3e}"
            )
        };
        let differs = |entry: &&Entry| !entry.agrees();
        for entry in self.values.iter().flatten().filter(differs) {
            write_entry(format!("output {}{:?}", entry.output, entry.output_index), entry)?;
        }
        for entry in self.gradients.iter().flatten().filter(differs) {
            let (output, input, index) = (entry.output, entry.input, &entry.input_index);
            let what = format!("the gradient of output {output} with respect to input {input}{index:?}");
            write_entry(what, entry)?;
        }
        Ok(())
    }
}
