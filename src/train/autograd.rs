//! The engine that lets Candle differentiate.

use std::collections::BTreeMap;

use candle_core::{CpuStorage, DType, Storage, Tensor, Var};
use candle_nn::VarMap;

use super::engine::{At, Engine, Steps};
use crate::data::Dataset;
use crate::error::Result;
use crate::nn::{DynamicNet, Halting, named_vars};
use crate::ops::kernels::CpuKernels;
use crate::ops::{Loss, seed_of};
use crate::optim::{ParameterState, Stateful, Updater, Updates, in_order};
use crate::plan::shares;

/// Runs the network forward, Candle's autograd backward and the optimiser, and checks every loss and gradient
/// at once.
#[derive(Debug)]
pub(super) struct Autograd {
    net: DynamicNet,
    params: Vec<(String, Var)>,
    loss: Loss,
    /// The weights of all depths from the least on, where a step at a depth has the losses of all up to it.
    depth_weights: Option<Vec<f64>>,
    optimizer: Updater,
    /// The weight of the divergence, if the network learns its depths.
    divergence: Option<f64>,
    /// Of the masks of all steps.
    seed: u64,
    /// The number of updates made.
    updates: u32,
}

impl Autograd {
    pub(super) fn new(
        net: DynamicNet,
        vars: &VarMap,
        loss: Loss,
        updates: &Updates,
        seed: u64,
    ) -> Result<Self> {
        let params = named_vars(vars);
        let optimizer = Updater::new(updates, params.iter().map(|(_, var)| var.clone()).collect())?;
        Ok(Self { net, params, loss, depth_weights: None, optimizer, divergence: None, seed, updates: 0 })
    }
}

impl Autograd {
    /// The same, where with weights, one for each depth, a step at a depth minimises the weighted mean loss of
    /// all depths up to it.
    pub(super) fn with_depth_weights(self, depth_weights: Option<Vec<f64>>) -> Self {
        Self { depth_weights, ..self }
    }

    /// The loss of a step at `depth`.
    fn loss_at(&self, x: &Tensor, y: &Tensor, depth: usize, seed: u64) -> candle_core::Result<Tensor> {
        let loss = |depth| self.net.loss(self.loss, x, y, depth, seed);
        let Some(weights) = &self.depth_weights else { return loss(depth) };
        let depths = *self.net.depths().start()..=depth;
        let mut parts =
            depths.clone().zip(shares(&weights[..depths.count()])).map(|(depth, share)| loss(depth)? * share);
        let first = parts.next().unwrap_or_else(|| loss(depth))?;
        parts.try_fold(first, |sum, part| sum + part?)
    }
}

impl Engine for Autograd {
    fn step(&mut self, x: &Tensor, y: &Tensor, lr: f64, at: At) -> Result<f64> {
        let seed = seed_of(self.seed, self.updates.into());
        let [loss, reported] = if self.net.spec().model.halting == Halting::None {
            let loss = self.loss_at(x, y, at.depth, seed)?;
            [loss.clone(), loss]
        } else {
            self.net.expected_loss(x, y, self.divergence, seed)?
        };
        let value = reported.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        if !value.is_finite() {
            return Err(at.not_finite("the loss".to_owned()));
        }
        let mut grads = loss.backward()?;
        for (name, var) in &self.params {
            if let Some(grad) = grads.get(var)
                && !is_finite(grad)?
            {
                return Err(at.not_finite(format!("the gradient of {name}")));
            }
        }
        self.optimizer.update(&mut grads, lr)?;
        self.updates = self.updates.saturating_add(1);
        Ok(value)
    }

    fn run(&mut self, data: &Dataset, steps: Steps, pause: &mut dyn FnMut() -> bool) -> Result<(usize, f64)> {
        let mut loss = steps.loss;
        for (i, batch) in steps.batches.iter().enumerate() {
            let (x, y) = data.select(batch.rows)?;
            loss += self.step(&x, &y, batch.lr, steps.at(i))? * batch.rows.len() as f64;
            if pause() {
                return Ok((i + 1, loss));
            }
        }
        Ok((steps.batches.len(), loss))
    }

    fn set_divergence(&mut self, weight: Option<f64>) {
        self.divergence = weight;
    }

    fn optimizer_state(&self) -> Result<BTreeMap<String, ParameterState>> {
        let names = self.params.iter().map(|(name, _)| name.clone());
        Ok(names.zip(self.optimizer.states()?).collect())
    }

    fn load_optimizer_state(&mut self, state: BTreeMap<String, ParameterState>) -> Result<()> {
        // A parameter that some depths do not use has fewer updates.
        self.updates = state.values().map(|state| state.steps).max().unwrap_or(0);
        let names = self.params.iter().map(|(name, _)| name.as_str());
        Ok(self.optimizer.load_states(in_order("Trainer", names, state)?)?)
    }
}

/// Whether every element of `x` is finite.
fn is_finite(x: &Tensor) -> candle_core::Result<bool> {
    if let Some((start, end)) = x.layout().contiguous_offsets() {
        match &*x.storage_and_layout().0 {
            Storage::Cpu(CpuStorage::F32(x)) => return Ok(CpuKernels::all_finite(&x[start..end])),
            Storage::Cpu(CpuStorage::F64(x)) => return Ok(CpuKernels::all_finite(&x[start..end])),
            _ => {}
        }
    }
    // Zero times a finite number is zero; zero times an infinity or NaN is NaN, and so is then the sum.
    let zeros = (x.detach() * 0.)?.sum_all()?.to_dtype(DType::F64)?;
    Ok(zeros.to_scalar::<f64>()? == 0.)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn what_is_not_finite_is_seen() {
        let check = |x: &[f32], expected: bool| {
            let x = Tensor::new(x, &Device::Cpu).unwrap();
            for dtype in [DType::F32, DType::F64, DType::BF16] {
                let x = x.to_dtype(dtype).unwrap();
                let views =
                    [x.clone(), x.narrow(0, 1, x.elem_count() - 1).unwrap(), x.expand((2, 3)).unwrap()];
                for x in views {
                    assert_eq!(is_finite(&x).unwrap(), expected, "{x}");
                }
            }
        };
        check(&[0., -1., 1e38], true);
        check(&[1., f32::MIN_POSITIVE, 0.], true);
        check(&[0., f32::NAN, 1.], false);
        check(&[1., 1., f32::INFINITY], false);
        check(&[0., f32::NEG_INFINITY, f32::INFINITY], false);
        let behind = Tensor::new(&[f32::NAN, 1., 2.], &Device::Cpu).unwrap().narrow(0, 1, 2).unwrap();
        assert!(is_finite(&behind).unwrap());
    }

    /// In slices and by Candle's operations, contiguous and not.
    #[test]
    fn what_is_not_finite_is_seen_everywhere() {
        for dtype in [DType::F32, DType::F64, DType::BF16] {
            for len in [1, 4, 15, 16, 17, 33] {
                for position in 0..len {
                    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                        let mut elements = vec![1.; 3 * len];
                        elements[3 * position] = bad;
                        let x = Tensor::from_vec(elements, (len, 3), &Device::Cpu).unwrap();
                        let column = x.to_dtype(dtype).unwrap().narrow(1, 0, 1).unwrap();
                        for x in [column.contiguous().unwrap(), column] {
                            assert!(!is_finite(&x).unwrap(), "{bad} at {position} of {len} {dtype:?}");
                        }
                    }
                }
            }
        }
    }
}
