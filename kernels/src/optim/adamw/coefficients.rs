//! The coefficients of one step of AdamW.

use super::config::AdamWConfig;
use crate::ops::kernels::Scalar;

/// The coefficients of one AdamW step, from the settings and the number of the step.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct StepCoefficients<T = f64> {
    pub(super) beta1: T,
    pub(super) one_minus_beta1: T,
    pub(super) beta2: T,
    pub(super) one_minus_beta2: T,
    /// 1 / sqrt(1 - beta2^t), which corrects the bias of the second moment's root.
    pub(super) second_moment_scale: T,
    pub(super) eps: T,
    /// One minus the learning rate times the weight decay.
    pub(super) decay: T,
    /// lr / (1 - beta1^t), the learning rate with the first moment's bias corrected.
    pub(super) step_size: T,
}

impl StepCoefficients {
    /// The coefficients of step number `steps`, counted from 1.
    pub fn new(config: &AdamWConfig, steps: u32) -> Self {
        let AdamWConfig { lr, beta1, beta2, eps, weight_decay } = *config;
        let t = f64::from(steps);
        Self {
            beta1,
            one_minus_beta1: 1. - beta1,
            beta2,
            one_minus_beta2: 1. - beta2,
            second_moment_scale: 1. / (1. - beta2.powf(t)).sqrt(),
            eps,
            decay: 1. - lr * weight_decay,
            step_size: lr / (1. - beta1.powf(t)),
        }
    }

    /// The same without weight decay.
    #[must_use]
    pub(in crate::optim) fn without_decay(self) -> Self {
        Self { decay: 1., ..self }
    }

    /// The coefficients rounded to the type that elements are computed in.
    pub fn rounded<T: Scalar>(self) -> StepCoefficients<T> {
        StepCoefficients {
            beta1: T::of(self.beta1),
            one_minus_beta1: T::of(self.one_minus_beta1),
            beta2: T::of(self.beta2),
            one_minus_beta2: T::of(self.one_minus_beta2),
            second_moment_scale: T::of(self.second_moment_scale),
            eps: T::of(self.eps),
            decay: T::of(self.decay),
            step_size: T::of(self.step_size),
        }
    }
}
