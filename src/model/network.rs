//! The network of a model, and its parameters as a file has them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Shape, Tensor, bail};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::{FloatType, MAX_DEPTH};
use crate::nn::{DynamicNet, DynamicNetSpec, ModelConfig};

/// A model's network: its description and the type of its parameters, as one document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub(super) struct Network {
    #[serde(flatten)]
    pub(super) spec: DynamicNetSpec,
    pub(super) dtype: FloatType,
}

impl TryFrom<Map<String, Value>> for Network {
    type Error = serde_json::Error;

    fn try_from(mut document: Map<String, Value>) -> serde_json::Result<Self> {
        // Serde cannot reject unknown fields of a struct that has another one flattened into it.
        let dtype = document.remove("dtype").ok_or_else(|| serde::de::Error::missing_field("dtype"))?;
        let spec = serde_json::from_value(Value::Object(document))?;
        Ok(Self { spec, dtype: serde_json::from_value(dtype)? })
    }
}

impl Network {
    /// The network with `tensors` as its parameters, which are constants on the CPU.
    ///
    /// Rejects tensors that are not its parameters; the error continues a sentence that begins with the
    /// model.
    pub(super) fn build(&self, tensors: &BTreeMap<String, Tensor>) -> Result<DynamicNet, String> {
        let ModelConfig { min_depth, max_depth, .. } = self.spec.model;
        if min_depth > max_depth || max_depth > MAX_DEPTH {
            return Err(format!(
                "has depths from {min_depth} to {max_depth}, expected some up to {MAX_DEPTH}"
            ));
        }
        let parameters = Parameters::new(tensors);
        let vb = VarBuilder::from_backend(Box::new(parameters.clone()), self.dtype.into(), Device::Cpu);
        let net = DynamicNet::new(&self.spec, vb);
        let (problem, unused) = parameters.into_findings();
        match (problem, net, unused) {
            (Some(problem), ..) => Err(problem),
            (None, Err(error), _) => Err(format!("cannot be used: {error}")),
            (None, Ok(_), Some(name)) => {
                Err(format!("has a tensor '{name}', which is no parameter of its network"))
            }
            (None, Ok(net), None) => self.check_encoding(tensors).map(|()| net),
        }
    }

    /// Rejects an encoding of features that the network does not have, which would be read as 0.
    fn check_encoding(&self, tensors: &BTreeMap<String, Tensor>) -> Result<(), String> {
        let features = self.spec.in_features as f64;
        let Some(numbers) = tensors.get("encoding.feature") else { return Ok(()) };
        let numbers = numbers.to_dtype(DType::F64).and_then(|numbers| numbers.to_vec1::<f64>());
        let numbers = numbers.map_err(|error| format!("cannot be used: {error}"))?;
        match numbers.iter().find(|number| !((0. ..features).contains(*number) && number.fract() == 0.)) {
            None => Ok(()),
            Some(number) => Err(format!(
                "has a tensor 'encoding.feature' with {number}, expected whole numbers from 0 to below the {features} \
                 features"
            )),
        }
    }
}

/// The tensors of a file as the parameters of a network, each checked when the network asks for it.
#[derive(Clone)]
struct Parameters {
    tensors: BTreeMap<String, Tensor>,
    findings: Arc<Mutex<Findings>>,
}

#[derive(Default)]
struct Findings {
    used: BTreeSet<String>,
    /// The first thing wrong, to continue a sentence that begins with the model.
    problem: Option<String>,
}

impl Parameters {
    fn new(tensors: &BTreeMap<String, Tensor>) -> Self {
        Self { tensors: tensors.clone(), findings: Arc::default() }
    }

    /// The first thing wrong, and the first tensor that was not asked for.
    fn into_findings(self) -> (Option<String>, Option<String>) {
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = self.tensors.keys().find(|name| !findings.used.contains(*name));
        (findings.problem.take(), unused.cloned())
    }

    /// The tensor of this name, or what is wrong with it.
    fn tensor(&self, name: &str, shape: &Shape, dtype: DType) -> Result<Tensor, String> {
        let shape = shape.dims();
        let Some(tensor) = self.tensors.get(name) else {
            return Err(format!("has no tensor '{name}', expected {dtype:?} {shape:?}"));
        };
        if tensor.dtype() != dtype || tensor.dims() != shape {
            let (dtype_there, shape_there) = (tensor.dtype(), tensor.dims());
            return Err(format!(
                "has a tensor '{name}' of {dtype_there:?} {shape_there:?}, expected {dtype:?} {shape:?}"
            ));
        }
        if !is_finite(tensor).unwrap_or(false) {
            return Err(format!("has a tensor '{name}' with elements that are not finite"));
        }
        Ok(tensor.clone())
    }
}

impl SimpleBackend for Parameters {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        _: &Device,
    ) -> candle_core::Result<Tensor> {
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        findings.used.insert(name.to_owned());
        self.tensor(name, &shape, dtype).map_err(|problem| {
            findings.problem = Some(problem);
            candle_core::Error::msg("a parameter does not fit its network")
        })
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        bail!("{name}: a network asks for its parameters by shape")
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }
}

fn is_finite(tensor: &Tensor) -> candle_core::Result<bool> {
    let values: Vec<f64> = tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?;
    Ok(values.iter().all(|value| value.is_finite()))
}

#[cfg(test)]
mod tests {
    use candle_nn::VarMap;

    use super::*;
    use crate::nn::seeded_builder;
    use crate::random::{Stream, generator};

    #[test]
    fn an_encoding_is_of_features_that_exist() {
        let vb = seeded_builder(&VarMap::new(), generator(1, Stream::Init, 0), DType::F32, &Device::Cpu);
        let spec = DynamicNetSpec { encoded: 3, ..ModelConfig::default().network(2, 1) };
        let tensors = DynamicNet::new(&spec, vb).unwrap().named_tensors().unwrap();
        let network = Network { spec, dtype: FloatType::F32 };
        let build = |feature: f32| {
            let mut tensors = tensors.clone();
            let feature = Tensor::new(&[0f32, 1., feature], &Device::Cpu).unwrap();
            tensors.insert("encoding.feature".to_owned(), feature);
            network.build(&tensors).map(drop)
        };
        assert_eq!(build(1.), Ok(()));
        for feature in [2., -1., 0.5, 1e30] {
            let error = build(feature).unwrap_err();
            assert!(error.contains("expected whole numbers from 0 to below the 2 features"), "{error}");
        }
    }
}
