//! The affine layer with its relu: plain functions on slices, forward and backward.

mod columns;
pub(crate) mod cpu;
mod product;

pub(crate) use product::LARGE;
