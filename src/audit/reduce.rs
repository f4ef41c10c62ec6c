//! Reductions.

use candle_core::{D, Result, Tensor};

use super::inputs::numbers;
use crate::gradcheck::Case;

type Reduction = fn(&Tensor) -> Result<Tensor>;

const REDUCTIONS: [(&str, Reduction); 22] = [
    ("sum(0)", |x| x.sum(0)),
    ("sum((0, 2))", |x| x.sum((0, 2))),
    ("sum_keepdim", |x| x.sum_keepdim(1)),
    ("sum_all", Tensor::sum_all),
    ("mean", |x| x.mean(1)),
    ("mean_keepdim", |x| x.mean_keepdim((1, 2))),
    ("mean_all", Tensor::mean_all),
    ("max(0)", |x| x.max(0)),
    ("max_keepdim", |x| x.max_keepdim(D::Minus1)),
    ("max_all", Tensor::max_all),
    ("min(1)", |x| x.min(1)),
    ("min_keepdim", |x| x.min_keepdim(0)),
    ("min_all", Tensor::min_all),
    ("var", |x| x.var(2)),
    ("var_keepdim", |x| x.var_keepdim(0)),
    ("norm", Tensor::norm),
    ("log_sum_exp", |x| x.log_sum_exp(1)),
    ("cumsum(0)", |x| x.cumsum(0)),
    ("cumsum(2)", |x| x.cumsum(2)),
    ("argmax", |x| x.argmax(0)),
    ("argmin", |x| x.argmin(0)),
    ("arg_sort_last_dim", |x| x.contiguous()?.arg_sort_last_dim(true)),
];

pub(super) fn cases() -> Result<Vec<Case>> {
    REDUCTIONS
        .into_iter()
        .map(|(name, f)| Ok(Case::new(name, vec![numbers(&[2, 3, 2], 0)?], move |x| f(&x[0]))))
        .collect()
}
