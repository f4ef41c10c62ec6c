//! The statistics by which a batch norm predicts.
//!
//! A norm of the shared hidden layer sees other activations at each application, so it has a mean and a
//! variance for each: those of all applications together are a known failure (Cooijmans and others, 2017).
//! The activations before an application do not depend on the depth that a step draws, and the scale and the
//! shift are shared.
//!
//! They are not averages over the steps of training, of which deep applications see few: they are computed of
//! given rows when a network is to predict, one application after the other, each with those before it
//! normalised by their own. So they are what a training step would go by whose batch are all rows, without
//! dropout.

use std::collections::BTreeMap;
use std::ops::Range;
use std::result;

use candle_core::{DType, Device, Error, Result, Tensor, bail};

use super::member::{Member, State};
use super::{DynamicNet, name_of};
use crate::nn::forward::Eager;
use crate::nn::{Norm, NormLayer};

/// The rows that are computed at a time.
const BLOCK: usize = 1024;

/// The most activations that are held: 32 MB in `f32`, and as much again where the block injects the input.
const HELD: usize = 1 << 23;

impl DynamicNet {
    /// The network with the statistics of its [batch norm](crate::nn::Norm::Batch) taken from the rows `x`
    /// (n, in), those that it was trained on; a network without one is returned as it is.
    ///
    /// Each application of the hidden layer gets the mean and the biased variance of each activation before
    /// it. A training step's are those of its batch alone; so after training, and whenever a network is to
    /// predict before, this is to be called. Memory is bounded: of more rows than have 2^23 activations it
    /// takes blocks of 1024, evenly spaced: at a width of 256 a sample of 32,768 rows, whose means differ
    /// from those of all by half a percent of a standard deviation. PyTorch's equivalent, for layers that are
    /// applied once, is `torch.optim.swa_utils.update_bn`.
    ///
    /// # Errors
    ///
    /// Fails when `x` has no rows or another number of features, and when a statistic is not finite.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use candle_nn::VarMap;
    /// use rand::SeedableRng;
    /// use rand_chacha::ChaCha8Rng;
    /// use taper::nn::{DynamicNet, ModelConfig, Norm, seeded_builder};
    ///
    /// let vb = seeded_builder(&VarMap::new(), ChaCha8Rng::seed_from_u64(1), DType::F64, &Device::Cpu);
    /// let spec = ModelConfig { norm: Norm::Batch, ..ModelConfig::default() }.network(8, 1);
    /// let net = DynamicNet::new(&spec, vb)?;
    /// let x = Tensor::randn(0., 1., (500, 8), &Device::Cpu)?;
    /// assert!(net.predict(&x).is_err());
    /// assert_eq!(net.with_statistics(&x)?.predict(&x)?.dims(), [500, 1]);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    pub fn with_statistics(&self, x: &Tensor) -> Result<Self> {
        let rows = x.dims().first().copied().unwrap_or(0);
        self.with_statistics_of::<Error>(rows, |range| x.narrow(0, range.start, range.len()))
    }

    /// As [`with_statistics`](Self::with_statistics), of `rows` rows of which `block` gives those in a range.
    pub(crate) fn with_statistics_of<E: From<Error>>(
        &self,
        rows: usize,
        block: impl Fn(Range<usize>) -> result::Result<Tensor, E>,
    ) -> result::Result<Self, E> {
        if self.spec.model.norm != Norm::Batch {
            return Ok(self.clone());
        }
        let (net, eager) = (self.linear()?, &mut Eager { dropout_seed: None });
        let begin = |range| Ok(net.begin(eager, &block(range)?)?);
        let held = blocks(rows, self.spec.model.hidden * self.members.len());
        let mut states = held.map(begin).collect::<result::Result<Vec<_>, E>>()?;
        let members = net.members.into_iter().zip(&self.members).enumerate();
        let members = members.map(|(number, (member, original))| {
            let mut states: Vec<_> = states.iter_mut().filter_map(|states| states.get_mut(number)).collect();
            Ok(original.with_statistics(self.statistics(member, &mut states)?))
        });
        Ok(Self { members: members.collect::<Result<_>>()?, ..self.clone() })
    }

    /// The statistics of `member`, whose layers are constants, of the blocks of rows that its first
    /// application begins with.
    fn statistics(&self, member: Member, states: &mut [&mut State<Tensor>]) -> Result<Vec<[Tensor; 2]>> {
        let (mut member, mut statistics, eager) = (member, Vec::new(), &mut Eager { dropout_seed: None });
        for application in 0..self.spec.model.max_depth {
            let mut moments = Moments::default();
            for state in &mut *states {
                if let Some(before) = application.checked_sub(1) {
                    state.h = member.apply(eager, before, state)?;
                }
                moments.add(&state.h)?;
            }
            statistics.push(moments.finish(self.dtype(), self.device())?);
            member = member.with_statistics(statistics.clone());
        }
        Ok(statistics)
    }

    /// Copies of all that a prediction depends on, by name: the parameters as constants, and the
    /// [statistics](Self::named_statistics).
    ///
    /// # Errors
    ///
    /// Fails when the device has no memory for them.
    pub(crate) fn named_tensors(&self) -> Result<BTreeMap<String, Tensor>> {
        let copy = |(name, parameter): (String, &Tensor)| Ok((name, parameter.detach().copy()?));
        let statistics = self.named_statistics()?.into_iter().map(Ok);
        self.named_parameters().map(copy).chain(statistics).collect()
    }

    /// The statistics (applications, hidden) of a batch norm with their names, `norm.mean` and
    /// `norm.variance`, if there are some.
    ///
    /// # Errors
    ///
    /// Fails when the device has no memory for them.
    pub fn named_statistics(&self) -> Result<Vec<(String, Tensor)>> {
        let mut named = Vec::new();
        for (number, member) in self.members.iter().enumerate() {
            for (name, tensor) in member.norm.as_ref().map_or(Ok(Vec::new()), NormLayer::named_statistics)? {
                named.push((name_of(self.members.len(), number, &format!("norm.{name}")), tensor));
            }
        }
        Ok(named)
    }
}

/// The blocks of `rows` rows of `width` activations that statistics are taken of: all, or as many as can be
/// held, evenly spaced.
fn blocks(rows: usize, width: usize) -> impl Iterator<Item = Range<usize>> {
    let all = rows.div_ceil(BLOCK);
    let count = all.min((HELD / (BLOCK * width.max(1))).max(1));
    (0..count).map(move |i| {
        let start = i * all / count * BLOCK;
        start..rows.min(start + BLOCK)
    })
}

/// The mean of each column of some rows, and the sums of the squares of what differs from it, in f64.
#[derive(Default)]
struct Moments {
    rows: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// Adds the rows of x, as Chan, Golub and `LeVeque` (1983) merge the moments of two samples.
    ///
    /// Candle's own sums of columns take longer than all else that is computed of a block.
    fn add(&mut self, x: &Tensor) -> Result<()> {
        let (count, width) = x.dims2()?;
        let x = x.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        let (rows, mut mean, mut squares) = (count as f64, vec![0.; width], vec![0.; width]);
        for row in x.chunks_exact(width.max(1)) {
            for (sum, &x) in mean.iter_mut().zip(row) {
                *sum += x;
            }
        }
        for sum in &mut mean {
            *sum /= rows;
        }
        for row in x.chunks_exact(width.max(1)) {
            for ((sum, &x), &mean) in squares.iter_mut().zip(row).zip(&mean) {
                *sum += (x - mean) * (x - mean);
            }
        }
        if self.rows == 0. {
            *self = Self { rows, mean, squares };
            return Ok(());
        }
        let all = self.rows + rows;
        for (j, (mean, squares)) in mean.into_iter().zip(squares).enumerate() {
            let difference = mean - self.mean[j];
            self.mean[j] += difference * rows / all;
            self.squares[j] += squares + difference * difference * self.rows * rows / all;
        }
        self.rows = all;
        Ok(())
    }

    /// The means and the biased variances.
    fn finish(self, dtype: DType, device: &Device) -> Result<[Tensor; 2]> {
        let Self { rows, mean, squares } = self;
        if rows == 0. {
            bail!("DynamicNet: a batch norm has statistics of no rows, expected at least one")
        }
        let variance = squares.into_iter().map(|sum| sum / rows).collect();
        let rounded = |x: Vec<f64>| -> Result<Tensor> {
            let x = Tensor::new(x, &Device::Cpu)?.to_dtype(dtype)?;
            if !x.to_dtype(DType::F64)?.to_vec1::<f64>()?.iter().all(|x| x.is_finite()) {
                bail!("DynamicNet: the activations have a mean or a variance that is not finite in {dtype:?}")
            }
            x.to_device(device)
        };
        Ok([rounded(mean)?, rounded(variance)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_are_taken_or_a_sample_of_them() {
        let of = |rows, width| blocks(rows, width).collect::<Vec<_>>();
        assert!(of(0, 32).is_empty());
        assert_eq!(of(2500, 32), [0..1024, 1024..2048, 2048..2500]);
        assert_eq!(of(4096, 1 << 12), [0..1024, 2048..3072]);
        for width in [1, 32, 1024, 1 << 20] {
            for rows in [1 << 10, 1 << 18, (1 << 18) + 1, 5_000_000] {
                let blocks = of(rows, width);
                assert!(blocks[0].start == 0 && blocks.iter().all(|block| block.end <= rows));
                assert!(blocks.windows(2).all(|pair| pair[0].end <= pair[1].start));
                let taken: usize = blocks.iter().map(Range::len).sum();
                assert!(taken * width <= HELD || blocks.len() == 1, "{taken} of {rows} rows, width {width}");
                assert!(
                    taken == rows || (taken + BLOCK) * width > HELD,
                    "{taken} of {rows} rows, width {width}"
                );
                let gap = blocks.windows(2).map(|pair| pair[1].start - pair[0].start).max();
                assert!(gap.is_none_or(|gap| gap <= (rows / blocks.len()).next_multiple_of(BLOCK) + BLOCK));
            }
        }
    }
}
