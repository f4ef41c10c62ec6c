//! The updates of the parameters of a plan.

use candle_core::{Result, bail};

use super::Training;
use crate::plan::device::Device;
use crate::plan::instruction::Value;

impl<D: Device> Training<D> {
    /// Updates all parameters with the gradients of [`gradients`](Self::gradients) at `depth`, at the
    /// learning rate `lr`.
    pub(crate) fn update(&mut self, depth: usize, lr: f64) -> Result<()> {
        self.updates = self.updates.saturating_add(1);
        self.clip(depth)?;
        let (rule, optimizer_state) = (&self.rule, self.rule.optimizer.state_names().len());
        let all = rule.optimizer.update(self.updates, lr);
        let (couple, shrink, average) = (rule.couple(), rule.shrink(lr), rule.average(self.updates));
        let Some(step) = self.plans.get(&depth) else { bail!("depth {depth} has no plan") };
        for &(parameter, grad) in &step.gradients {
            let (number, len) = (parameter.number, parameter.len(0));
            let grad = gradient(&mut self.others, self.parameters.len(), grad)?;
            let (value, state) = (&mut self.values[number], &mut self.states[number]);
            let is_penalised = rule.penalised.contains(&self.parameters[number].tensor);
            if let Some(couple) = couple.filter(|_| is_penalised) {
                self.device.pass(couple, len, grad, Some(value))?;
            }
            let update = if is_penalised { all } else { all.without_decay() };
            self.device.update(&update, value, &mut state[..optimizer_state], grad)?;
            if let Some(shrink) = shrink.filter(|_| is_penalised) {
                self.device.pass(shrink, len, value, None)?;
            }
        }
        // Those without a gradient have an average, too.
        let Some(average) = average else { return Ok(()) };
        for ((parameter, value), state) in self.parameters.iter().zip(&self.values).zip(&mut self.states) {
            if let Some(averages) = state.get_mut(optimizer_state) {
                self.device.pass(average, parameter.tensor.elem_count(), averages, Some(value))?;
            }
        }
        Ok(())
    }

    /// Clips the gradients of `depth`, each element of them and the norm of all together.
    fn clip(&mut self, depth: usize) -> Result<()> {
        let Self { plans, others, device, rule, parameters, .. } = self;
        let Some(step) = plans.get(&depth) else { bail!("depth {depth} has no plan") };
        let first = parameters.len();
        if let Some(clip) = rule.clip_values() {
            for &(_, grad) in &step.gradients {
                device.pass(clip, grad.len(0), gradient(others, first, grad)?, None)?;
            }
        }
        let Some(clip) = rule.clip_norms() else { return Ok(()) };
        device.reset_squares()?;
        for &(_, grad) in &step.gradients {
            device.add_squares(grad.len(0), gradient(others, first, grad)?)?;
        }
        for &(_, grad) in &step.gradients {
            device.pass(clip, grad.len(0), gradient(others, first, grad)?, None)?;
        }
        Ok(())
    }
}

/// The buffer of a gradient among the `others`, whose numbers begin at `first`.
fn gradient<B>(others: &mut [Option<Box<B>>], first: usize, grad: Value) -> Result<&mut B> {
    match others.get_mut(grad.number - first) {
        Some(Some(buffer)) => Ok(buffer),
        _ => bail!("a gradient is missing"),
    }
}
