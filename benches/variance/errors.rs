//! The errors at the depths, and of their mean.

use candle_core::Tensor;
use taper::config::Recipe;

use crate::network::{Measured, config, data, folds, trained};
use crate::vectors::{average, distance, dot, mean, median, same};

/// The means over rows of the products of the errors at two depths.
struct Moments(Vec<Vec<f64>>);

impl Moments {
    /// Those of `outputs` at each depth as predictions of `y`; panics unless they are those of the mean prediction and the variance
    /// over the depths.
    fn new(outputs: &[Vec<f64>], y: &[f64]) -> Self {
        let errors = |output: &Vec<f64>| output.iter().zip(y).map(|(output, y)| output - y).collect();
        let errors: Vec<Vec<f64>> = outputs.iter().map(errors).collect();
        let row = |a: &Vec<f64>| errors.iter().map(|b| dot(a, b) / y.len() as f64).collect();
        let moments = Self(errors.iter().map(row).collect());

        let prediction = mean(outputs);
        let of_mean = distance(&prediction, y) / y.len() as f64;
        let variance =
            average(&outputs.iter().map(|output| distance(output, &prediction)).collect::<Vec<_>>());
        same("error of the mean, mean of the moments", moments.of_mean(), of_mean);
        same(
            "mean of the errors, error of the mean + variance",
            average(&moments.by_depth()),
            of_mean + variance / y.len() as f64,
        );
        moments
    }

    /// The mean squared error at each depth.
    fn by_depth(&self) -> Vec<f64> {
        self.0.iter().enumerate().map(|(i, row)| row[i]).collect()
    }

    /// The mean squared error of the mean prediction.
    fn of_mean(&self) -> f64 {
        average(&self.0.concat())
    }

    /// The least error of a depth, chosen by these very rows.
    fn best(&self) -> f64 {
        self.by_depth().into_iter().fold(f64::MAX, f64::min)
    }

    /// About 0, where errors have their mean but for sampling.
    fn correlation(&self, i: usize, j: usize) -> f64 {
        self.0[i][j] / (self.0[i][i] * self.0[j][j]).sqrt()
    }

    /// (1 + (D - 1) r) / D, where r is the mean correlation of two depths.
    fn factor(&self) -> f64 {
        let depths = self.0.len();
        let all: Vec<_> = (0..depths * depths).map(|i| self.correlation(i / depths, i % depths)).collect();
        average(&all)
    }
}

/// Prints what the mean over the depths gains on test rows, with the noise of the targets and without.
pub(crate) fn errors(name: &str, recipe: Recipe, seeds: u64) {
    let (mut noisy, mut clean) = (Vec::new(), Vec::new());
    for seed in 1..=seeds {
        let config = config(recipe, seed);
        let (data, noiseless) = (data(&config, config.data.noise), data(&config, 0.));
        for (i, fold) in folds(&config).iter().enumerate() {
            let net = trained(&config, &data, &fold.train, i);
            let on = |data, to: &mut Vec<Moments>| {
                let Measured { net, x, y, .. } = Measured::new(&net, data, &fold.test).unwrap();
                let values = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f64>().unwrap();
                let outputs: Vec<_> = net.forward_all_depths(&x).unwrap().iter().map(values).collect();
                to.push(Moments::new(&outputs, &values(&y)));
            };
            on(&data, &mut noisy);
            on(&noiseless, &mut clean);
        }
    }
    for (what, moments) in [("targets", noisy), ("targets without their noise", clean)] {
        let all = |value: &dyn Fn(&Moments) -> f64| median(moments.iter().map(value).collect());
        println!("\n{name}, {what}: medians of {} networks, test rows\n", moments.len());
        let depths = moments[0].0.len();
        let titles: Vec<_> = (1..=depths).map(|i| format!(" {i} |")).collect();
        println!("| depth | error |{}", titles.concat());
        println!("|---|---|{}", "---|".repeat(depths));
        for i in 0..depths {
            let row = (0..depths).map(|j| format!(" {:.3} |", all(&|m| m.correlation(i, j))));
            println!("| {} | {:.5} |{}", i + 1, all(&|m| m.0[i][i]), row.collect::<Vec<_>>().concat());
        }
        println!(
            "\nmean prediction {:.5}, mean of the depths {:.5}, best depth {:.5}; mean prediction / mean of the \
             depths {:.3}, by the correlations {:.3}; / best depth {:.3}, better than it in {} of {}",
            all(&Moments::of_mean),
            all(&|m| average(&m.by_depth())),
            all(&Moments::best),
            all(&|m| m.of_mean() / average(&m.by_depth())),
            all(&Moments::factor),
            all(&|m| m.of_mean() / m.best()),
            moments.iter().filter(|m| m.of_mean() < m.best()).count(),
            moments.len(),
        );
    }
}
