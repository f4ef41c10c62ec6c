//! The update on the CPU.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, Result, bail};

use super::Rates;
use crate::ops::{Element, Real};

/// Updates the parameter, its first and its second moment with the gradient, all of one dtype and `len` elements.
pub(super) fn update(
    storages: Vec<&mut CpuStorage>,
    grad: &CpuStorage,
    len: usize,
    rates: &Rates,
) -> Result<()> {
    let Ok([p, m, v]) = <[&mut CpuStorage; 3]>::try_from(storages) else {
        bail!("AdamW: expected a parameter and two moments")
    };
    macro_rules! dispatch {
        ($($dtype:ident),*) => {
            match (p, m, v, grad) {
                $((
                    CpuStorage::$dtype(p),
                    CpuStorage::$dtype(m),
                    CpuStorage::$dtype(v),
                    CpuStorage::$dtype(g),
                ) => update_slices(&mut p[..len], &mut m[..len], &mut v[..len], &g[..len], rates),)*
                (p, ..) => bail!("AdamW: unsupported or different dtypes, the parameter is {:?}", p.dtype()),
            }
        };
    }
    dispatch!(F16, BF16, F32, F64);
    Ok(())
}

/// One pass over the elements, each read and written once.
fn update_slices<T: Element>(p: &mut [T], m: &mut [T], v: &mut [T], g: &[T], rates: &Rates) {
    let rates = rates.to_real::<T::Compute>();
    for (((p, m), v), g) in p.iter_mut().zip(m).zip(v).zip(g) {
        let g = g.widen();
        let first = m.widen() * rates.beta1 + g * rates.one_minus_beta1;
        let second = v.widen() * rates.beta2 + g * g * rates.one_minus_beta2;
        let direction = first / (second.sqrt() * rates.second_scale + rates.eps);
        *p = T::narrow(p.widen() * rates.decay - direction * rates.step_size);
        *m = T::narrow(first);
        *v = T::narrow(second);
    }
}
