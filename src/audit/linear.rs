//! Products, convolutions, pools and upsampling.

use candle_core::{Result, Tensor};

use super::inputs::numbers;
use crate::gradcheck::Case;

type Unary = fn(&Tensor) -> Result<Tensor>;
type Binary = fn(&Tensor, &Tensor) -> Result<Tensor>;

/// By the shapes of two operands.
const PRODUCTS: [(&str, [&[usize]; 2], Binary); 9] = [
    ("matmul", [&[2, 3], &[3, 2]], Tensor::matmul),
    ("matmul, batched", [&[2, 2, 3], &[2, 3, 2]], Tensor::matmul),
    ("matmul with t()", [&[2, 3], &[2, 3]], |x, y| x.matmul(&y.t()?)),
    ("matmul with a broadcast operand", [&[2, 2, 3], &[3, 2]], |x, y| x.matmul(&y.broadcast_left(2)?)),
    ("broadcast_matmul", [&[2, 2, 3], &[3, 2]], Tensor::broadcast_matmul),
    ("broadcast_matmul, both", [&[2, 1, 2, 3], &[2, 3, 2]], Tensor::broadcast_matmul),
    ("mv", [&[2, 3], &[3]], Tensor::mv),
    ("dot", [&[3], &[3]], Tensor::dot),
    ("outer product", [&[3, 1], &[1, 2]], Tensor::broadcast_mul),
];

/// By the shapes of input and kernel.
const CONVOLUTIONS: [(&str, [&[usize]; 2], Binary); 24] = [
    ("conv1d", [&[2, 2, 5], &[3, 2, 3]], |x, k| x.conv1d(k, 0, 1, 1, 1)),
    ("conv1d, padding 1", [&[1, 2, 4], &[2, 2, 3]], |x, k| x.conv1d(k, 1, 1, 1, 1)),
    ("conv1d, stride 2", [&[1, 2, 5], &[2, 2, 3]], |x, k| x.conv1d(k, 0, 2, 1, 1)),
    ("conv1d, stride 2, remainder 1", [&[1, 2, 6], &[2, 2, 3]], |x, k| x.conv1d(k, 0, 2, 1, 1)),
    ("conv1d, dilation 2", [&[1, 2, 6], &[2, 2, 2]], |x, k| x.conv1d(k, 0, 1, 2, 1)),
    ("conv1d, groups 2", [&[1, 4, 4], &[2, 2, 2]], |x, k| x.conv1d(k, 0, 1, 1, 2)),
    ("conv2d", [&[2, 2, 4, 3], &[2, 2, 2, 3]], |x, k| x.conv2d(k, 0, 1, 1, 1)),
    ("conv2d, padding 1", [&[1, 1, 3, 3], &[2, 1, 3, 3]], |x, k| x.conv2d(k, 1, 1, 1, 1)),
    ("conv2d, stride 2", [&[1, 2, 5, 5], &[1, 2, 3, 3]], |x, k| x.conv2d(k, 0, 2, 1, 1)),
    ("conv2d, stride 2, remainder 1", [&[1, 1, 4, 6], &[1, 1, 3, 3]], |x, k| x.conv2d(k, 0, 2, 1, 1)),
    ("conv2d, stride 2, remainder in one axis", [&[1, 1, 4, 5], &[1, 1, 3, 3]], |x, k| {
        x.conv2d(k, 0, 2, 1, 1)
    }),
    ("conv2d, dilation 2", [&[1, 1, 4, 5], &[2, 1, 2, 2]], |x, k| x.conv2d(k, 0, 1, 2, 1)),
    ("conv2d, groups 2", [&[1, 4, 3, 3], &[2, 2, 2, 2]], |x, k| x.conv2d(k, 0, 1, 1, 2)),
    ("conv_transpose1d", [&[1, 2, 3], &[2, 1, 2]], |x, k| x.conv_transpose1d(k, 0, 0, 1, 1, 1)),
    ("conv_transpose1d, two samples", [&[2, 2, 3], &[2, 1, 2]], |x, k| x.conv_transpose1d(k, 0, 0, 1, 1, 1)),
    ("conv_transpose2d", [&[1, 2, 3, 3], &[2, 1, 2, 2]], |x, k| x.conv_transpose2d(k, 0, 0, 1, 1)),
    ("conv_transpose2d, several channels", [&[2, 2, 2, 3], &[2, 3, 2, 2]], |x, k| {
        x.conv_transpose2d(k, 0, 0, 1, 1)
    }),
    ("conv_transpose2d, padding 1", [&[1, 1, 3, 3], &[1, 1, 3, 3]], |x, k| x.conv_transpose2d(k, 1, 0, 1, 1)),
    ("conv_transpose2d, stride 2", [&[1, 1, 3, 3], &[1, 1, 2, 2]], |x, k| x.conv_transpose2d(k, 0, 0, 2, 1)),
    ("conv_transpose2d, output padding 1", [&[1, 1, 3, 3], &[1, 1, 2, 2]], |x, k| {
        x.conv_transpose2d(k, 0, 1, 2, 1)
    }),
    ("conv_transpose2d, dilation 2", [&[1, 1, 3, 3], &[1, 1, 2, 2]], |x, k| {
        x.conv_transpose2d(k, 0, 0, 1, 2)
    }),
    ("conv_transpose2d, stride 2, dilation 2", [&[1, 1, 2, 2], &[1, 1, 2, 2]], |x, k| {
        x.conv_transpose2d(k, 0, 0, 2, 2)
    }),
    ("conv1d, stride 2, dilation 2", [&[1, 1, 7], &[1, 1, 3]], |x, k| x.conv1d(k, 0, 2, 2, 1)),
    ("conv2d, kernel 1", [&[1, 2, 2, 2], &[3, 2, 1, 1]], |x, k| x.conv2d(k, 0, 1, 1, 1)),
];

/// Of one operand, by its shape.
const RESAMPLING: [(&str, &[usize], Unary); 17] = [
    ("avg_pool2d", &[1, 2, 4, 4], |x| x.avg_pool2d(2)),
    ("avg_pool2d, 2 x 1", &[1, 1, 4, 2], |x| x.avg_pool2d((2, 1))),
    ("avg_pool2d, remainder 1", &[1, 1, 5, 5], |x| x.avg_pool2d(2)),
    ("avg_pool2d, kernel 3, stride 1", &[1, 1, 4, 4], |x| x.avg_pool2d_with_stride(3, 1)),
    ("max_pool2d", &[1, 2, 4, 4], |x| x.max_pool2d(2)),
    ("max_pool2d, remainder 1", &[1, 1, 5, 5], |x| x.max_pool2d(2)),
    ("max_pool2d, kernel 3, stride 1", &[1, 1, 4, 4], |x| x.max_pool2d_with_stride(3, 1)),
    ("upsample_nearest1d", &[1, 2, 3], |x| x.upsample_nearest1d(6)),
    ("upsample_nearest1d, not a multiple", &[1, 2, 3], |x| x.upsample_nearest1d(5)),
    ("interpolate1d", &[1, 2, 3], |x| x.interpolate1d(6)),
    ("upsample_nearest2d", &[1, 2, 2, 2], |x| x.upsample_nearest2d(4, 4)),
    ("upsample_nearest2d, not a multiple", &[1, 1, 2, 2], |x| x.upsample_nearest2d(3, 3)),
    ("upsample_nearest2d, two factors", &[1, 1, 2, 2], |x| x.upsample_nearest2d(2, 4)),
    ("interpolate2d", &[1, 2, 2, 2], |x| x.interpolate2d(4, 4)),
    ("upsample_bilinear2d", &[1, 1, 2, 2], |x| x.upsample_bilinear2d(4, 4, false)),
    ("upsample_bilinear2d_with_scale", &[1, 1, 2, 2], |x| x.upsample_bilinear2d_with_scale(2.0, 2.0, false)),
    ("upsample_nearest2d beside x", &[1, 1, 2, 2], |x| {
        x.upsample_nearest2d(4, 4)?.mean_all()? + x.sum_all()?
    }),
];

pub(super) fn cases() -> Result<Vec<Case>> {
    let mut cases = vec![];
    for (name, [first, second], f) in PRODUCTS.into_iter().chain(CONVOLUTIONS) {
        let inputs = vec![numbers(first, 0)?, numbers(second, 1)?];
        cases.push(Case::new(name, inputs, move |x| f(&x[0], &x[1])));
    }
    for (name, shape, f) in RESAMPLING {
        cases.push(Case::new(name, vec![numbers(shape, 0)?], move |x| f(&x[0])));
    }
    Ok(cases)
}
