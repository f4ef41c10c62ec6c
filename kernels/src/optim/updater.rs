//! Updates of Candle's variables.

use candle_core::backprop::GradStore;
use candle_core::{DType, Result, Tensor, Var, bail};

use super::optimizer::{ParameterState, Stateful};
use super::passes::Pass;
use super::updates::Updates;

/// [`Updates`] of variables by Candle's operations.
#[derive(Debug)]
pub struct Updater {
    updates: Updates,
    vars: Vec<Var>,
    optimizer: Box<dyn Stateful>,
    /// The average of each variable, if there are averages.
    averages: Vec<Tensor>,
    /// The updates that were made.
    steps: u32,
}

impl Updater {
    /// The updates of `vars`.
    ///
    /// # Errors
    ///
    /// Fails when the settings are out of range.
    pub fn new(updates: &Updates, vars: Vec<Var>) -> Result<Self> {
        updates.check()?;
        let optimizer = updates.optimizer.build(vars.clone(), updates.penalised)?;
        let average = |var: &Var| Tensor::zeros(var.shape(), wide(var.dtype()), var.device());
        let averages =
            if updates.averages() { vars.iter().map(average).collect::<Result<_>>()? } else { vec![] };
        Ok(Self { updates: updates.clone(), vars, optimizer, averages, steps: 0 })
    }

    /// Replaces the gradient of each variable that has one by what `change` makes of both.
    fn change_gradients(
        &self,
        grads: &mut GradStore,
        change: impl Fn(&Var, &Tensor) -> Result<Tensor>,
    ) -> Result<()> {
        for var in &self.vars {
            if let Some(grad) = grads.get(var) {
                let grad = change(var, grad)?;
                grads.insert(var, grad);
            }
        }
        Ok(())
    }

    /// By what the gradients are multiplied so that the norm of all of them is at most the bound.
    fn norm_scale(&self, grads: &GradStore) -> Result<f64> {
        let mut squares = 0.;
        for grad in self.vars.iter().filter_map(|var| grads.get(var)) {
            squares += grad.to_dtype(DType::F64)?.sqr()?.sum_all()?.to_scalar::<f64>()?;
        }
        let ratio = self.updates.clip_norm / (squares.sqrt() + 1e-6);
        // Not `min`, which would make 1 of NaN.
        Ok(if ratio > 1. { 1. } else { ratio })
    }
}

/// The dtype that parameters of `dtype` are averaged in.
fn wide(dtype: DType) -> DType {
    if dtype == DType::F64 { dtype } else { DType::F32 }
}

impl Stateful for Updater {
    fn update(&mut self, grads: &mut GradStore, lr: f64) -> Result<()> {
        let Updates { clip_value, clip_norm, l1, l2, penalised, .. } = self.updates;
        if clip_value.is_finite() {
            self.change_gradients(grads, |_, grad| grad.clamp(-clip_value, clip_value))?;
        }
        if clip_norm.is_finite() {
            let scale = self.norm_scale(grads)?;
            self.change_gradients(grads, |_, grad| grad * scale)?;
        }
        if l2 > 0. {
            self.change_gradients(grads, |var, grad| {
                if penalised.contains(var) {
                    grad + (var.as_detached_tensor() * l2)?
                } else {
                    Ok(grad.clone())
                }
            })?;
        }
        self.optimizer.update(grads, lr)?;
        let threshold = lr * l1;
        for var in
            self.vars.iter().filter(|var| l1 > 0. && grads.get(var).is_some() && penalised.contains(var))
        {
            let w = var.as_detached_tensor();
            var.set(&(&w - w.clamp(-threshold, threshold)?)?)?;
        }
        self.steps = self.steps.saturating_add(1);
        if let Some(weight) = self.updates.average(self.steps).map(Pass::factor) {
            for (var, average) in self.vars.iter().zip(&mut self.averages) {
                let w = var.as_detached_tensor().to_dtype(average.dtype())?;
                *average = (&*average + ((w - &*average)? * weight)?)?;
            }
        }
        Ok(())
    }

    fn states(&self) -> Result<Vec<ParameterState>> {
        let mut states = self.optimizer.states()?;
        for (state, average) in states.iter_mut().zip(&self.averages) {
            state.tensors.push(average.clone());
        }
        Ok(states)
    }

    fn load_states(&mut self, mut states: Vec<ParameterState>) -> Result<()> {
        self.steps = states.iter().map(|state| state.steps).max().unwrap_or(0);
        for (state, average) in states.iter_mut().zip(&mut self.averages) {
            match state.tensors.pop() {
                Some(tensor) if tensor.shape() == average.shape() && tensor.dtype() == average.dtype() => {
                    *average = tensor;
                }
                found => {
                    bail!("an average is {found:?}, expected {:?} {:?}", average.dtype(), average.dims())
                }
            }
        }
        self.optimizer.load_states(states)
    }
}
