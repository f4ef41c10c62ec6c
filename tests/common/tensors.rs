//! Tensors of reference values.

use candle_core::{DType, Device, Tensor};
use serde_json::Value;

use crate::reference::{indices, numbers};

/// The tensor of `{"shape": [..], "values": [..]}`.
pub fn tensor(value: &Value, dtype: DType) -> Tensor {
    shaped(&value["values"], indices(&value["shape"]), dtype)
}

/// The tensor of a list of numbers in row-major order.
pub fn shaped(value: &Value, shape: impl Into<candle_core::Shape>, dtype: DType) -> Tensor {
    Tensor::from_vec(numbers(value), shape.into(), &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}
