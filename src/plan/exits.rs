//! How rows leave a network that learns its depths.

use candle_core::Result;

use super::compile::Compiled;
use super::cpu::{Buffer, Cpu, Element};
use super::execute::{Memory, execute};
use super::instruction::{Access, Instruction, Rows, Value};
use super::numbered::Numbered;
use crate::nn::{DynamicNet, going_on_at};
use crate::ops::kernels::hazard;

/// Where the rows of a prediction exit from a network with [`Halting`](crate::nn::Halting).
#[derive(Debug, Clone, PartialEq)]
pub struct Exits {
    /// The depth at which each row exits: the first by which it has stopped with at least the probability
    /// [`ModelConfig::exit`](crate::nn::ModelConfig::exit).
    pub depths: Vec<usize>,
    /// The probability that each row stops at each depth, (n, depths) in row-major order.
    pub probabilities: Vec<f64>,
}

/// How the rows of a network stop.
#[derive(Debug, Clone)]
pub(super) struct Stopping {
    /// The part of the logits that all rows have, of each depth but the last.
    logits: Vec<f64>,
    /// What rows have of their own there (n, 1), if they do.
    gates: Vec<Value>,
    /// The largest probability of not having stopped with which a row exits.
    going_on: f64,
}

/// A row on its way down.
struct Walk {
    row: usize,
    /// The probability that it has not stopped.
    going_on: f64,
    /// The sum of the weights of the outputs that it has passed.
    weight: f64,
}

impl Walk {
    fn new(row: usize) -> Self {
        Self { row, going_on: 1., weight: 0. }
    }

    /// Passes a depth; returns the probability that it stops there.
    fn pass(&mut self, [stops, goes_on]: [f64; 2]) -> f64 {
        let probability = self.going_on * stops;
        self.going_on *= goes_on;
        probability
    }

    /// Adds the output at a depth where it stops with this probability to the sum that becomes the mean.
    fn add<T: Element>(&mut self, probability: f64, output: &[T], mean: &mut [T]) {
        self.weight += probability;
        let weight = T::of(probability);
        for (mean, &y) in mean.iter_mut().zip(output) {
            *mean += weight * y;
        }
    }

    /// Makes the sum the mean.
    fn finish<T: Element>(&self, mean: &mut [T]) {
        let weight = T::of(self.weight);
        for mean in mean {
            *mean /= weight;
        }
    }
}

impl Stopping {
    /// How the rows of `net` stop, whose gates are these values.
    pub(super) fn new(net: &DynamicNet, gates: Vec<Value>) -> Result<Option<Self>> {
        let Some(gate) = net.gate() else { return Ok(None) };
        let going_on = going_on_at(net.spec().model.exit);
        Ok(Some(Self { logits: gate.logits()?, gates, going_on }))
    }

    /// Whether a row that has not stopped with this probability exits.
    fn is_over(&self, walk: &Walk) -> bool {
        walk.going_on <= self.going_on
    }

    /// The probabilities of stopping and of going on at depth number `depth`, for the own part of a row.
    fn hazard<T: Element>(&self, depth: usize, own: Option<T>) -> [f64; 2] {
        match self.logits.get(depth) {
            None => [1., 0.],
            Some(logit) => hazard(logit + own.map_or(0., T::to_f64)),
        }
    }

    /// The own parts of all rows at depth number `depth`.
    fn own<'m, T>(&self, depth: usize, memory: &'m Memory<Buffer<T>>) -> Result<Option<&'m Buffer<T>>> {
        self.gates.get(depth).map(|&gate| memory.read(gate)).transpose()
    }

    /// The weighted means of the `outputs` of some rows at all depths, with where the rows exit, counted from
    /// 0, and their probabilities.
    pub(super) fn read<T: Element>(
        &self,
        outputs: &[Value],
        memory: &Memory<Buffer<T>>,
        mean: &mut [T],
        exits: &mut [usize],
        probabilities: &mut [f64],
    ) -> Result<()> {
        let targets = outputs[0].columns;
        mean.fill(T::default());
        let mut walks: Vec<_> = (0..exits.len()).map(Walk::new).collect();
        let mut is_over = vec![false; walks.len()];
        for (depth, &output) in outputs.iter().enumerate() {
            let (output, own) = (memory.read(output)?, self.own(depth, memory)?);
            for (row, walk) in walks.iter_mut().enumerate() {
                let probability = walk.pass(self.hazard(depth, own.map(|own| own[row])));
                probabilities[row * outputs.len() + depth] = probability;
                if is_over[row] {
                    continue;
                }
                let mean = &mut mean[row * targets..][..targets];
                walk.add(probability, &output[row * targets..][..targets], mean);
                if self.is_over(walk) {
                    (is_over[row], exits[row]) = (true, depth);
                    walk.finish(mean);
                }
            }
        }
        Ok(())
    }
}

/// The instructions of a prediction by depth, so that rows can leave in between.
#[derive(Debug, Clone)]
pub(super) struct Stages {
    /// Where the instructions of each depth end.
    ends: Vec<usize>,
    /// What the instructions of further depths read of each row.
    live: Vec<Vec<Value>>,
}

impl Stages {
    /// Those of `compiled`, whose values have been given buffers; they end at `ends`.
    pub(super) fn new(Compiled { instructions, .. }: &Compiled, ends: Vec<usize>) -> Self {
        let live = |&end: &usize| {
            let (mut live, mut is_known) = (Vec::new(), Numbered::default());
            for (value, access) in instructions[end..].iter().flat_map(|instruction| instruction.operands()) {
                if !std::mem::replace(is_known.place(value.number), true)
                    && value.rows == Rows::Batch
                    && access != Access::Write
                {
                    live.push(value);
                }
            }
            live
        };
        Self { live: ends.iter().map(live).collect(), ends }
    }

    /// The weighted means for the features of `rows` rows in the `memory`. Rows that exit are computed no
    /// further.
    pub(super) fn predict<T: Element>(
        &self,
        stopping: &Stopping,
        (instructions, outputs): (&[Instruction], &[Value]),
        device: &mut Cpu<T>,
        rows: usize,
        memory: &mut Memory<Buffer<T>>,
        mean: &mut [T],
    ) -> Result<()> {
        let targets = outputs[0].columns;
        mean.fill(T::default());
        let mut walks: Vec<_> = (0..rows).map(Walk::new).collect();
        let (mut start, mut left) = (0, Vec::with_capacity(rows));
        for (depth, (&end, live)) in self.ends.iter().zip(&self.live).enumerate() {
            // A prediction has no dropout to seed.
            execute(device, &instructions[start..end], walks.len(), 0, memory)?;
            start = end;
            let (output, own) = (memory.read(outputs[depth])?, stopping.own(depth, memory)?);
            left.clear();
            for (position, walk) in walks.iter_mut().enumerate() {
                let mean = &mut mean[walk.row * targets..][..targets];
                let probability = walk.pass(stopping.hazard(depth, own.map(|own| own[position])));
                walk.add(probability, &output[position * targets..][..targets], mean);
                if stopping.is_over(walk) {
                    walk.finish(mean);
                } else {
                    left.push(position);
                }
            }
            if left.is_empty() {
                return Ok(());
            }
            if left.len() < walks.len() {
                for value in live {
                    memory.keep_rows(*value, &left)?;
                }
                for (to, &from) in left.iter().enumerate() {
                    walks.swap(to, from);
                }
                walks.truncate(left.len());
            }
        }
        Ok(())
    }
}
