//! The variance of a step's gradient: the part of the batch and the part of the depth.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use taper::config::Recipe;
use taper::ops::mse;

use crate::network::{Measured, config, data, folds, train};
use crate::vectors::{average, distance, dot, mean, same, spread};

/// The variance of a step's gradient about the gradient of the mean loss, and what there is beside it.
pub(crate) struct Parts {
    /// The mean of the depths' losses, and the loss of the mean prediction.
    loss: f64,
    loss_of_mean: f64,
    /// The cosine of the angle between the gradients of these two.
    cosine: f64,
    /// Of the batch and of the depth, in squared norms of the full gradient.
    pub(crate) batch: f64,
    depth: f64,
    /// The same of a step that takes the mean over all depths of one batch.
    all_depths: f64,
    /// The standard error of the batch part, in its own size.
    pub(crate) error: f64,
}

/// Measures the parts on batches of `size` rows, which divide the rows, over `epochs` epochs.
///
/// The batches of an epoch are a partition of the rows, so each is a simple random sample of them, and their
/// gradients at a depth have the full gradient of that depth as their mean, up to rounding. So the batch part
/// is estimated without bias, and the depth part is known.
pub(crate) fn parts(measured: &Measured, size: usize, epochs: usize) -> Result<Parts> {
    let Measured { net, x, y, .. } = measured;
    assert_eq!(measured.rows() % size, 0, "the last batch is smaller");
    let outputs = net.forward_all_depths(x)?;
    let losses = outputs.iter().map(|output| mse(output, y)).collect::<Result<Vec<_>>>()?;
    let loss = Tensor::stack(&losses, 0)?.mean_all()?;
    let loss_of_mean = mse(&net.predict(x)?, y)?;
    let full = measured.gradient(&loss)?;
    let of_mean = measured.gradient(&loss_of_mean)?;
    let by_depth = measured.by_depth(None)?;
    same(
        "the mean of the depths' gradients, gradient of the mean loss",
        distance(&mean(&by_depth), &full),
        0.,
    );
    let depth =
        by_depth.iter().map(|at_depth| distance(at_depth, &full)).sum::<f64>() / by_depth.len() as f64;

    let (mut rng, mut rows) = (ChaCha8Rng::seed_from_u64(1), (0..measured.rows() as u32).collect::<Vec<_>>());
    let (mut within, mut total, mut all_depths) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..epochs {
        rows.shuffle(&mut rng);
        for batch in rows.chunks(size) {
            let gradients = measured.by_depth(Some(batch))?;
            let apart = |from: &dyn Fn(usize) -> f64| {
                (0..gradients.len()).map(from).sum::<f64>() / gradients.len() as f64
            };
            within.push(apart(&|i| distance(&gradients[i], &by_depth[i])));
            total.push(apart(&|i| distance(&gradients[i], &full)));
            all_depths.push(distance(&mean(&gradients), &full));
        }
    }
    let batch = average(&within);
    same("total variance, batch part + depth part", average(&total), batch + depth);
    let squared = within.iter().map(|value| (value - batch).powi(2)).sum::<f64>();
    let error = (squared / (within.len() - 1) as f64 / within.len() as f64).sqrt();
    let norm = dot(&full, &full);
    Ok(Parts {
        loss: loss.to_scalar()?,
        loss_of_mean: loss_of_mean.to_scalar()?,
        batch: batch / norm,
        depth: depth / norm,
        all_depths: average(&all_depths) / norm,
        cosine: dot(&full, &of_mean) / (norm * dot(&of_mean, &of_mean)).sqrt(),
        error: error / batch,
    })
}

/// The batch part in closed form: the mean of b of n rows without replacement has the variance
/// (1 - b/n) S^2 / b, where S^2 is that of single rows.
pub(crate) fn closed_batch_part(measured: &Measured, size: usize) -> Result<f64> {
    let (by_depth, rows) = (measured.by_depth(None)?, measured.rows());
    let mut squares = 0.;
    for row in 0..rows as u32 {
        let gradients = measured.by_depth(Some(&[row]))?;
        squares += gradients.iter().zip(&by_depth).map(|(g, full)| distance(g, full)).sum::<f64>();
    }
    let variance = squares / by_depth.len() as f64 / (rows - 1) as f64;
    let full = mean(&by_depth);
    Ok((1. - size as f64 / rows as f64) * variance / size as f64 / dot(&full, &full))
}

/// Prints the parts of the variance along the training of a recipe.
pub(crate) fn gradients(name: &str, recipe: Recipe, seeds: u64, epochs: usize) {
    let mut points: BTreeMap<usize, Vec<Parts>> = BTreeMap::new();
    for seed in 1..=seeds {
        let config = config(recipe, seed);
        let data = data(&config, config.data.noise);
        for (i, fold) in folds(&config).iter().enumerate() {
            train(&config, &data, &fold.train, i, |epoch, net| {
                let measured = Measured::new(net, &data, &fold.train).unwrap();
                let parts = parts(&measured, config.train.batch_size, epochs).unwrap();
                points.entry(epoch).or_default().push(parts);
            });
        }
    }
    for (epoch, parts) in points {
        let column = |value: fn(&Parts) -> f64| spread(parts.iter().map(value).collect());
        println!(
            "| {name} | {epoch} | {} | {} | {} | {} | {} | {} | {} | {:.3} |",
            column(|parts| parts.loss),
            column(|parts| parts.loss_of_mean),
            column(|parts| parts.cosine),
            column(|parts| parts.batch),
            column(|parts| parts.depth),
            column(|parts| parts.depth / (parts.batch + parts.depth)),
            column(|parts| (parts.batch + parts.depth) / parts.all_depths),
            parts.iter().map(|parts| parts.error).fold(0., f64::max),
        );
    }
}
