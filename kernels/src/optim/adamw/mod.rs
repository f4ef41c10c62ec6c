//! Adam with decoupled weight decay.

mod coefficients;
mod config;
pub(super) mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
mod state;
mod update;

use std::collections::{BTreeMap, HashMap};

use candle_core::backprop::GradStore;
use candle_core::{Result, Var, bail};
use candle_nn::Optimizer;

use super::by_name::in_order;
pub(super) use coefficients::StepCoefficients;
pub use config::AdamWConfig;
pub use state::AdamWState;
use update::{check_grad, update};

/// Adam with decoupled weight decay.
///
/// For a parameter p with the gradient g, in its t-th update:
///
/// ```text
/// p <- p - lr weight_decay p
/// m <- beta1 m + (1 - beta1) g
/// v <- beta2 v + (1 - beta2) g^2
/// p <- p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
/// ```
///
/// Parameters are f16, bf16, f32 or f64. An f16 or bf16 parameter has its moments and its update in f32 and
/// is rounded once in each step.
///
/// On the CPU, a moment whose magnitude is below the smallest normal number becomes zero: arithmetic on such
/// numbers is slow there, and a moment would never leave them. A parameter that has no gradient in a step is
/// left alone, as are its moments, its t and its decay. The source is Loshchilov and Hutter, "Decoupled
/// Weight Decay Regularization" (2019); PyTorch's equivalent is `torch.optim.AdamW`, or `torch.optim.Adam`
/// when the decay is 0. Unlike `candle_nn::AdamW` it counts the updates of each parameter, and its state can
/// be read and restored.
///
/// The variables of a `VarMap` come in another order in each process, so their states are best kept
/// [by name](Self::named): matched by position, those of equal shapes would be mixed up silently.
///
/// A learning rate that is not a finite number of 0 or more cannot be refused by
/// [`set_learning_rate`](Optimizer::set_learning_rate), which returns nothing. The next step refuses it, and
/// every one until a right one is set; it changes nothing.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Var};
/// use candle_nn::Optimizer;
/// use taper::optim::{AdamW, AdamWConfig};
///
/// let x = Var::new(3f64, &Device::Cpu)?;
/// let mut adam = AdamW::new(vec![x.clone()], AdamWConfig { lr: 0.1, ..Default::default() })?;
/// for _ in 0..200 {
///     adam.backward_step(&x.sqr()?)?;
/// }
/// assert!(x.to_scalar::<f64>()?.abs() < 0.01);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug)]
pub struct AdamW {
    vars: Vec<Var>,
    /// The name of each variable, or nothing if they were given without.
    names: Option<Vec<String>>,
    states: Vec<AdamWState>,
    /// Whether the weight decay is for each variable too.
    decays: Vec<bool>,
    config: AdamWConfig,
}

impl AdamW {
    /// The optimiser of named variables, whose states are saved and restored under their names.
    ///
    /// # Errors
    ///
    /// Fails as [`new`](Optimizer::new) does, and when two variables have one name.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taper_kernels as taper;
    /// use candle_core::{DType, Device};
    /// use candle_nn::{Optimizer, VarBuilder, VarMap, linear};
    /// use taper::optim::{AdamW, AdamWConfig};
    ///
    /// let vars = VarMap::new();
    /// let layer = linear(2, 2, VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu))?;
    /// let adamw = || AdamW::named(vars.data().lock().unwrap().clone(), AdamWConfig::default());
    /// let mut first = adamw()?;
    /// first.backward_step(&layer.weight().sqr()?.sum_all()?)?;
    ///
    /// let saved = first.named_state()?;
    /// assert_eq!(saved.keys().collect::<Vec<_>>(), ["bias", "weight"]);
    /// let mut second = adamw()?;
    /// second.load_named_state(saved)?;
    /// assert_eq!(second.named_state()?["weight"].steps, 1);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    pub fn named(vars: impl IntoIterator<Item = (String, Var)>, config: AdamWConfig) -> Result<Self> {
        let mut vars: Vec<_> = vars.into_iter().collect();
        vars.sort_by(|(a, _), (b, _)| a.cmp(b));
        let (names, vars): (Vec<_>, Vec<_>) = vars.into_iter().unzip();
        if let Some([name, ..]) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            bail!("AdamW: two variables have the name {name}")
        }
        Self::with_names(vars, Some(names), config)
    }

    fn with_names(vars: Vec<Var>, names: Option<Vec<String>>, config: AdamWConfig) -> Result<Self> {
        config.check()?;
        let mut numbers = HashMap::new();
        for (number, var) in vars.iter().enumerate() {
            if let Some(first) = numbers.insert(var.id(), number) {
                let [first, second] = [first, number].map(|number| label(names.as_deref(), number));
                bail!(
                    "AdamW: {first} and {second} are one variable, {:?} {:?}, expected each variable once",
                    var.dtype(),
                    var.dims()
                )
            }
        }
        let state = |(number, var)| AdamWState::new(var, &label(names.as_deref(), number));
        let states = vars.iter().enumerate().map(state).collect::<Result<_>>()?;
        Ok(Self { decays: vec![true; vars.len()], vars, names, states, config })
    }

    /// The optimiser with the weight decay on those variables alone for which `decays` says so: in PyTorch
    /// two groups of parameters.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taper_kernels as taper;
    /// use candle_core::{DType, Device, Var};
    /// use candle_nn::Optimizer;
    /// use taper::optim::{AdamW, AdamWConfig};
    ///
    /// let weight = Var::ones((1, 2), DType::F32, &Device::Cpu)?;
    /// let bias = Var::ones(1, DType::F32, &Device::Cpu)?;
    /// let config = AdamWConfig { lr: 0.5, weight_decay: 0.5, ..Default::default() };
    /// let adamw = AdamW::new(vec![weight.clone(), bias.clone()], config)?;
    /// let mut adamw = adamw.decaying_only(|var| var.rank() > 1);
    /// adamw.backward_step(&(weight.sum_all()? + bias.sum_all()?)?)?;
    /// assert_eq!(weight.to_vec2::<f32>()?, [[0.25, 0.25]]);
    /// assert_eq!(bias.to_vec1::<f32>()?, [0.5]);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    #[must_use]
    pub fn decaying_only(mut self, decays: impl FnMut(&Var) -> bool) -> Self {
        self.decays = self.vars.iter().map(decays).collect();
        self
    }

    /// The settings.
    pub fn config(&self) -> &AdamWConfig {
        &self.config
    }

    /// Copies the state of every parameter, in the order in which the parameters were given to
    /// [`new`](Optimizer::new), or sorted by name.
    ///
    /// # Errors
    ///
    /// Fails when the device has no memory for the copy.
    pub fn state(&self) -> Result<Vec<AdamWState>> {
        self.states.iter().map(AdamWState::to_owned).collect()
    }

    /// Copies the state of every parameter, by name.
    ///
    /// # Errors
    ///
    /// Fails when the parameters were given [without names](Optimizer::new), or the device has no memory for
    /// the copy.
    pub fn named_state(&self) -> Result<BTreeMap<String, AdamWState>> {
        Ok(self.names()?.iter().cloned().zip(self.state()?).collect())
    }

    /// Replaces the state of every parameter, in the order of [`state`](Self::state). States of equal shapes
    /// in another order are not noticed; [`load_named_state`](Self::load_named_state) matches them by name.
    ///
    /// Moments of f16 and bf16 parameters may be in the dtype of their parameter; they are widened.
    ///
    /// # Errors
    ///
    /// Fails, without changing anything, when `states` does not match the parameters in number, shape, dtype
    /// or device.
    pub fn load_state(&mut self, states: Vec<AdamWState>) -> Result<()> {
        if states.len() != self.vars.len() {
            bail!("AdamW: the state has {} parameters, expected {}", states.len(), self.vars.len())
        }
        let restored = |(number, (var, state)): (usize, (&Var, &AdamWState))| {
            state.restored(var, &label(self.names.as_deref(), number))
        };
        self.states = self.vars.iter().zip(&states).enumerate().map(restored).collect::<Result<_>>()?;
        Ok(())
    }

    /// Replaces the state of every parameter by the one that has its name.
    ///
    /// # Errors
    ///
    /// Fails, without changing anything, when the parameters were given [without names](Optimizer::new), a
    /// name lacks a state, a state has no parameter of its name, or one differs from its parameter in shape,
    /// dtype or device.
    pub fn load_named_state(&mut self, states: BTreeMap<String, AdamWState>) -> Result<()> {
        self.load_state(in_order("AdamW", self.names()?.iter().map(String::as_str), states)?)
    }

    fn names(&self) -> Result<&[String]> {
        match &self.names {
            Some(names) => Ok(names),
            None => bail!("AdamW: the parameters were given without names, expected those of AdamW::named"),
        }
    }
}

/// What errors call the parameter `number`.
fn label(names: Option<&[String]>, number: usize) -> String {
    match names.and_then(|names| names.get(number)) {
        Some(name) => name.clone(),
        None => format!("parameter {number}"),
    }
}

impl Optimizer for AdamW {
    type Config = AdamWConfig;

    /// The optimiser of variables without names.
    ///
    /// # Errors
    ///
    /// Fails when a setting is out of range, a dtype is another than f16, bf16, f32 and f64, or a variable is
    /// given twice: it would be updated twice in each step.
    fn new(vars: Vec<Var>, config: AdamWConfig) -> Result<Self> {
        Self::with_names(vars, None, config)
    }

    /// Updates every variable that has a gradient.
    ///
    /// # Errors
    ///
    /// Fails, without changing anything, when the learning rate that was
    /// [set](Optimizer::set_learning_rate) is not a finite number of 0 or more, and when a gradient differs
    /// from its variable in shape, dtype or device.
    fn step(&mut self, grads: &GradStore) -> Result<()> {
        self.config.check()?;
        for (number, var) in self.vars.iter().enumerate() {
            if let Some(grad) = grads.get(var) {
                check_grad(grad, var, || label(self.names.as_deref(), number))?;
            }
        }
        let without_decay = AdamWConfig { weight_decay: 0., ..self.config.clone() };
        for ((var, state), &decays) in self.vars.iter().zip(&mut self.states).zip(&self.decays) {
            let config = if decays { &self.config } else { &without_decay };
            // Candle cannot set a variable that has no elements.
            if let Some(grad) = grads.get(var)
                && var.elem_count() > 0
            {
                update(var, &grad.detach(), state, config)?;
            }
        }
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        self.config.lr
    }

    /// Sets the learning rate; the next step refuses one that is not a finite number of 0 or more.
    fn set_learning_rate(&mut self, lr: f64) {
        self.config.lr = lr;
    }
}
