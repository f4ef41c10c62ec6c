//! Checks all parameters of a layer or a model, by name.

use std::collections::HashMap;
use std::sync::PoisonError;

use candle_core::{DType, Device, Result as CandleResult, Tensor};
use candle_nn::{VarBuilder, VarMap};

use super::check::verdict;
use super::error::Error;
use super::function::{Outputs, at_point};
use super::point::{Input, Role};
use super::report::Report;
use super::settings::GradCheck;
use super::validate::assign_roles;
use super::wording::Names;

/// Named parameters, in the order of their names: those of a [`VarMap`], or tensors by name.
#[derive(Debug, Clone)]
pub struct Parameters(Vec<(String, Tensor)>);

impl Parameters {
    /// The same parameters in another dtype: f64, as a check needs it, for a model that was made in f32.
    ///
    /// # Errors
    ///
    /// If Candle cannot convert a parameter.
    pub fn to_dtype(&self, dtype: DType) -> CandleResult<Self> {
        let convert = |(name, value): &(String, Tensor)| Ok((name.clone(), value.to_dtype(dtype)?));
        self.0.iter().map(convert).collect::<CandleResult<_>>().map(Self)
    }
}

impl From<HashMap<String, Tensor>> for Parameters {
    fn from(tensors: HashMap<String, Tensor>) -> Self {
        let mut tensors: Vec<_> = tensors.into_iter().collect();
        tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self(tensors)
    }
}

impl From<&VarMap> for Parameters {
    fn from(variables: &VarMap) -> Self {
        let variables = variables.data().lock().unwrap_or_else(PoisonError::into_inner);
        let tensors = variables.iter().map(|(name, variable)| (name.clone(), variable.as_detached_tensor()));
        tensors.collect::<HashMap<_, _>>().into()
    }
}

impl GradCheck {
    /// Checks the first derivatives of `f` with respect to all `parameters` and `inputs`.
    ///
    /// `f` builds a layer or a model from the builder and applies it to the inputs; it is called again for
    /// every step, and the builder then holds the parameters that are differentiated. Parameters need a float
    /// dtype, which is f64 unless the settings allow others. Failures and reports call them by their names.
    ///
    /// Inputs are checked in every [`Context`](super::Context), parameters as contiguous leaves only, which
    /// is how a `VarMap` gives them.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check), and [`Error::Nothing`] if there are no parameters.
    pub fn check_parameters<F, O>(
        &self,
        f: F,
        parameters: impl Into<Parameters>,
        inputs: &[Tensor],
    ) -> Result<Report, Error>
    where
        F: Fn(VarBuilder<'static>, &[Tensor]) -> CandleResult<O>,
        O: Into<Outputs>,
    {
        let (names, values): (Vec<_>, Vec<_>) = parameters.into().0.into_iter().unzip();
        let Some(first) = values.first() else { return Err(Error::Nothing("parameter")) };
        let (dtype, device) = (first.dtype(), first.device().clone());
        let count = inputs.len();
        let built = at_point(|x: &[Tensor]| f(builder(&names, &x[count..], dtype, &device), &x[..count]));
        let mut all = assign_roles(self, inputs)?;
        for value in values {
            all.push(
                Input::new(all.len(), &value.force_contiguous()?, Role::Differentiated)?.into_leaf_only(),
            );
        }
        verdict(self, &built, &all, 1, &Names::parameters(count, &names))
    }
}

/// A builder over the given parameters, through which their gradients go.
fn builder(names: &[String], values: &[Tensor], dtype: DType, device: &Device) -> VarBuilder<'static> {
    let named = names.iter().cloned().zip(values.iter().cloned());
    VarBuilder::from_tensors(named.collect(), dtype, device)
}
