//! The gradient checker, and what it finds in Candle and in this crate.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "test code")]

#[path = "../common/custom_op.rs"]
mod custom_op;
#[path = "../common/second_order.rs"]
mod second_order;

mod audit;
mod candle_findings;
mod caught;
mod checker;
mod contexts;
mod edges;
mod fast;
mod messages;
mod own;
mod parameters;
mod right;
mod second;
mod steady;
mod suite;
mod upstream;
mod wrong;
