//! The operations and optimisers of [taper](https://docs.rs/taper), which re-exports both modules: all code
//! that is compiled for several instruction sets and for CUDA.
//!
//! It is a crate of its own so that it is compiled once, and optimised even where the rest is not, as in
//! tests.

#![deny(missing_docs)]

pub mod ops;
pub mod optim;
