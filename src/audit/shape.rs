//! Views, copies and concatenations.

use candle_core::{D, Device, Result, Tensor};

use super::inputs::numbers;
use crate::gradcheck::{Case, Outputs};

type Reshaping = fn(&Tensor) -> Result<Tensor>;

const UNARY: [(&str, Reshaping); 28] = [
    ("reshape", |x| x.reshape((4, 3))),
    ("flatten", |x| x.flatten(0, 1)),
    ("flatten_all", Tensor::flatten_all),
    ("squeeze", |x| x.narrow(1, 1, 1)?.squeeze(1)),
    ("unsqueeze", |x| x.unsqueeze(1)),
    ("t", Tensor::t),
    ("transpose", |x| x.transpose(0, 2)),
    ("permute", |x| x.permute((2, 0, 1))),
    ("broadcast_as", |x| x.broadcast_as((3, 2, 3, 2))),
    ("broadcast_as of length 1", |x| x.narrow(1, 0, 1)?.broadcast_as((2, 4, 2))),
    ("broadcast_left", |x| x.broadcast_left(2)),
    ("expand", |x| x.expand((2, 2, 3, 2))),
    ("repeat", |x| x.repeat((2, 1, 3))),
    ("contiguous", |x| x.t()?.contiguous()),
    ("force_contiguous", |x| x.t()?.force_contiguous()),
    ("to_device", |x| x.to_device(&Device::Cpu)?.to_device(x.device())),
    ("narrow", |x| x.narrow(1, 1, 2)),
    ("get", |x| x.get(1)),
    ("get_on_dim", |x| x.get_on_dim(1, 2)),
    ("pad_with_zeros", |x| x.pad_with_zeros(1, 2, 1)),
    ("pad_with_same", |x| x.pad_with_same(1, 2, 1)),
    ("roll", |x| x.roll(1, 1)),
    ("flip", |x| x.flip(&[0, 2])),
    ("unfold", |x| x.unfold(1, 2, 1)),
    ("chunk", |x| x.chunk(2, 1)?.swap_remove(0).sqr()),
    ("sort_last_dim", |x| Ok(x.contiguous()?.sort_last_dim(true)?.0)),
    ("cat with itself", |x| Tensor::cat(&[x, x], 0)),
    ("tril mask", |x| x.narrow(1, 0, 2)?.broadcast_mul(&Tensor::tril2(2, x.dtype(), x.device())?)),
];

pub(super) fn cases() -> Result<Vec<Case>> {
    let mut cases = vec![];
    for (name, f) in UNARY {
        cases.push(Case::new(name, vec![numbers(&[2, 3, 2], 0)?], move |x| f(&x[0])));
    }
    let pair = |shape: &[usize]| Ok::<_, candle_core::Error>(vec![numbers(&[2, 3], 0)?, numbers(shape, 1)?]);
    cases.extend([
        Case::new("cat(0)", pair(&[1, 3])?, |x| Tensor::cat(&[&x[0], &x[1]], 0)),
        Case::new("cat(1)", pair(&[2, 2])?, |x| Tensor::cat(&[&x[0], &x[1]], D::Minus1)),
        Case::new("stack(0)", pair(&[2, 3])?, |x| Tensor::stack(x, 0)),
        Case::new("stack(2)", pair(&[2, 3])?, |x| Tensor::stack(x, 2)),
        Case::new("slice_scatter0", pair(&[1, 3])?, |x| x[0].slice_scatter0(&x[1], 1)),
        Case::new("slice_scatter(1)", pair(&[2, 2])?, |x| x[0].slice_scatter(&x[1], 1, 1)),
        Case::new("slice_assign", pair(&[1, 2])?, |x| x[0].slice_assign(&[1..2, 0..2], &x[1])),
        Case::new("meshgrid", vec![numbers(&[2], 0)?, numbers(&[3], 1)?], |x| {
            Ok(Outputs(Tensor::meshgrid(x, false)?))
        }),
    ]);
    Ok(cases)
}
