//! Parameters drawn from a seeded stream.

use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Result, Shape, Tensor, Var, bail};
use candle_nn::init::NormalOrUniform;
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder, VarMap};
use rand::Rng;
use rand_distr::{Distribution, Normal, Uniform};

/// Makes a builder whose new variables are drawn from `rng` and kept in `vars`.
///
/// It does what `VarBuilder::from_varmap` does, for layers of this crate and of `candle_nn` alike, and is
/// reproducible: variables are drawn in `f64` in the order in which the layers are built, then rounded to
/// `dtype`. A variable that `vars` holds already is returned as it is.
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device};
/// use candle_nn::VarMap;
/// use rand::SeedableRng;
/// use rand_chacha::ChaCha8Rng;
/// use taper::nn::{Linear, seeded_builder};
///
/// let vars = VarMap::new();
/// let vb = seeded_builder(&vars, ChaCha8Rng::seed_from_u64(1), DType::F32, &Device::Cpu);
/// let layer = Linear::new(4, 2, true, vb.pp("layer"))?;
/// assert_eq!(layer.weight().dims(), [2, 4]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn seeded_builder(
    vars: &VarMap,
    rng: impl Rng + Send + 'static,
    dtype: DType,
    device: &Device,
) -> VarBuilder<'static> {
    let backend = SeededVars { vars: vars.clone(), rng: Mutex::new(rng) };
    VarBuilder::from_backend(Box::new(backend), dtype, device.clone())
}

/// The variables of `vars` with their names, sorted by name.
///
/// `VarMap::all_vars` iterates a hash map, so its order changes from run to run; whatever depends on an order
/// (an optimiser, a checkpoint) should take this one.
pub fn named_vars(vars: &VarMap) -> Vec<(String, Var)> {
    let data = vars.data().lock().unwrap_or_else(PoisonError::into_inner);
    let mut named: Vec<_> = data.iter().map(|(name, var)| (name.clone(), var.clone())).collect();
    named.sort_by(|(a, _), (b, _)| a.cmp(b));
    named
}

/// A `VarMap` that fills in what it lacks from a random stream.
struct SeededVars<R> {
    vars: VarMap,
    rng: Mutex<R>,
}

impl<R: Rng + Send> SimpleBackend for SeededVars<R> {
    fn get(&self, shape: Shape, name: &str, init: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        let mut vars = self.vars.data().lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(var) = vars.get(name) {
            if var.shape() != &shape {
                bail!("{name} has shape {:?}, expected {:?}", var.dims(), shape.dims())
            }
            return Ok(var.as_tensor().clone());
        }
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        let values = draw(&init, &shape, &mut *rng)?;
        let var = Var::from_tensor(&Tensor::from_vec(values, shape, device)?.to_dtype(dtype)?)?;
        let tensor = var.as_tensor().clone();
        vars.insert(name.to_owned(), var);
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, _dtype: DType, _device: &Device) -> Result<Tensor> {
        bail!("{name}: a variable to be drawn needs its shape, use `get`")
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.vars.data().lock().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }
}

/// The values of a new variable, in row-major order.
fn draw(init: &Init, shape: &Shape, rng: &mut impl Rng) -> Result<Vec<f64>> {
    let len = shape.elem_count();
    match *init {
        Init::Const(value) => Ok(vec![value; len]),
        Init::Uniform { lo, up } => uniform(lo, up, len, rng),
        Init::Randn { mean, stdev } => normal(mean, stdev, len, rng),
        Init::Kaiming { dist, fan, non_linearity } => {
            let std = non_linearity.gain() / (fan.for_shape(shape) as f64).sqrt();
            match dist {
                NormalOrUniform::Normal => normal(0., std, len, rng),
                NormalOrUniform::Uniform => uniform(-3f64.sqrt() * std, 3f64.sqrt() * std, len, rng),
            }
        }
    }
}

fn uniform(lo: f64, up: f64, len: usize, rng: &mut impl Rng) -> Result<Vec<f64>> {
    let distribution = Uniform::new(lo, up).map_err(candle_core::Error::wrap)?;
    Ok(distribution.sample_iter(rng).take(len).collect())
}

fn normal(mean: f64, std: f64, len: usize, rng: &mut impl Rng) -> Result<Vec<f64>> {
    let distribution = Normal::new(mean, std).map_err(candle_core::Error::wrap)?;
    Ok(distribution.sample_iter(rng).take(len).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_nn::init::{DEFAULT_KAIMING_NORMAL, DEFAULT_KAIMING_UNIFORM};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn sample(init: Init, seed: u64) -> Vec<f64> {
        let vb = seeded_builder(&VarMap::new(), ChaCha8Rng::seed_from_u64(seed), DType::F64, &Device::Cpu);
        let tensor = vb.get_with_hints((100, 200), "x", init).unwrap();
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Mean and standard deviation of 20,000 draws, held against the closed form within five standard errors.
    fn check_moments(init: Init, mean: f64, std: f64) {
        let x = sample(init, 1);
        let n = x.len() as f64;
        let m = x.iter().sum::<f64>() / n;
        let s = (x.iter().map(|x| (x - m).powi(2)).sum::<f64>() / (n - 1.)).sqrt();
        println!("{init:?}: mean {m} (expected {mean}), std {s} (expected {std})");
        assert!((m - mean).abs() <= 5. * std / n.sqrt());
        assert!((s / std - 1.).abs() <= 5. / (2. * n).sqrt());
    }

    #[test]
    fn every_distribution_has_its_moments() {
        check_moments(Init::Uniform { lo: -1., up: 3. }, 1., (16f64 / 12.).sqrt());
        check_moments(Init::Randn { mean: 2., stdev: 0.5 }, 2., 0.5);
        // The variance after a Kaiming initialisation is gain^2 / fan_in = 2 / 200.
        check_moments(DEFAULT_KAIMING_UNIFORM, 0., 0.1);
        check_moments(DEFAULT_KAIMING_NORMAL, 0., 0.1);
        assert!(sample(Init::Const(0.25), 1).iter().all(|&x| x == 0.25));
    }

    #[test]
    fn the_same_stream_gives_the_same_values_and_another_one_others() {
        let init = Init::Uniform { lo: 0., up: 1. };
        assert_eq!(sample(init, 7), sample(init, 7));
        assert_ne!(sample(init, 7), sample(init, 8));
    }

    #[test]
    fn a_variable_that_exists_is_kept_and_its_shape_checked() {
        let vars = VarMap::new();
        let vb = seeded_builder(&vars, ChaCha8Rng::seed_from_u64(1), DType::F32, &Device::Cpu);
        let first = vb.get_with_hints(3, "w", Init::Randn { mean: 0., stdev: 1. }).unwrap();
        let again = vb.get_with_hints(3, "w", Init::Const(0.)).unwrap();
        assert_eq!(first.to_vec1::<f32>().unwrap(), again.to_vec1::<f32>().unwrap());
        let error = vb.get_with_hints(4, "w", Init::Const(0.)).unwrap_err().to_string();
        assert!(error.contains("w has shape [3], expected [4]"), "{error}");
    }

    #[test]
    fn an_impossible_distribution_is_an_error() {
        let vb = seeded_builder(&VarMap::new(), ChaCha8Rng::seed_from_u64(1), DType::F32, &Device::Cpu);
        assert!(vb.get_with_hints(3, "w", Init::Uniform { lo: 1., up: 0. }).is_err());
        assert!(vb.get_with_hints(3, "w", Init::Randn { mean: 0., stdev: f64::NAN }).is_err());
    }

    #[test]
    fn named_vars_are_sorted() {
        let vars = VarMap::new();
        let vb = seeded_builder(&vars, ChaCha8Rng::seed_from_u64(1), DType::F32, &Device::Cpu);
        for name in ["b", "c", "a"] {
            vb.get_with_hints(1, name, Init::Const(0.)).unwrap();
        }
        let names: Vec<_> = named_vars(&vars).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }
}
