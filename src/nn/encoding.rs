//! Features that are encoded before the first layer.

use candle_core::{DType, Result, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::ops::kernels::Encoding;
use crate::ops::maximum;

/// An encoding of features as piecewise linear functions of themselves: constants that belong to a network as
/// its parameters do, but that no gradient reaches.
#[derive(Debug, Clone)]
pub(crate) struct EncodingLayer(Encoding<Tensor>);

impl EncodingLayer {
    /// Creates it with `columns` columns and the tensors `feature`, `scale`, `shift`, `low` and `high` of
    /// `vb`, and `bend` if there is one.
    pub(super) fn new(columns: usize, vb: &VarBuilder) -> Result<Self> {
        let get = |name| vb.get_with_hints(columns, name, Init::Const(0.));
        let bend = Encoding::NAMES.bend.filter(|name| vb.contains_tensor(name));
        Encoding { bend, ..Encoding::NAMES }.try_map(get).map(Self)
    }

    /// Its constants, each (columns).
    pub(crate) fn constants(&self) -> Encoding<&Tensor> {
        let Encoding { feature, scale, shift, low, high, bend } = &self.0;
        Encoding { feature, scale, shift, low, high, bend: bend.as_ref() }
    }

    /// The constants with their names.
    pub(super) fn named_constants(&self) -> impl Iterator<Item = (&'static str, &Tensor)> {
        Encoding::NAMES.each().zip(self.constants().each())
    }

    /// The same where they are no variables.
    pub(super) fn detached(&self) -> Self {
        Self(self.constants().map(Tensor::detach))
    }

    /// z = min(max(scale x + shift, low), high) (n, columns) of the features x (n, features), or
    /// z / sqrt(1 + bend z^2) if there is a bend.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let Self(Encoding { feature, scale, shift, low, high, bend }) = self.detached();
        let spread = x.contiguous()?.index_select(&feature.to_dtype(DType::U32)?, 1)?;
        let line = spread.broadcast_mul(&scale)?.broadcast_add(&shift)?;
        // The minimum is the negative of a maximum.
        let bounded = maximum(&maximum(&line, &low)?.neg()?, &high.neg()?)?.neg()?;
        match bend {
            Some(bend) => &bounded / (bounded.sqr()?.broadcast_mul(&bend)? + 1.)?.sqrt()?,
            None => Ok(bounded),
        }
    }
}
