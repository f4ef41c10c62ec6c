//! The operations: values, derivatives of every order, layouts, dtypes and instruction sets.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "test code")]

#[path = "../common/compare.rs"]
mod compare;
#[path = "../common/cosines.rs"]
mod cosines;
#[path = "../common/derivatives.rs"]
mod derivatives;
#[path = "../common/error.rs"]
mod error;
#[path = "../common/long_sums.rs"]
mod long_sums;
#[path = "../common/reference.rs"]
mod reference;
#[path = "../common/second_order.rs"]
mod second_order;
#[path = "../common/tensors.rs"]
mod tensors;

mod gelu;
mod instruction_sets;
mod many_terms;
mod operations;
mod properties;
mod second_derivatives;
