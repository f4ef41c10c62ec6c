//! The names of choices on the command line, with what `--help` says of each.

use taper::compare::Metric;
use taper::config::{
    Categories, DateFormat, Dates, Depths, EngineName, FloatType, LossName, Missing, MissingTarget, Recipe,
    Scale, Selection, TargetTransform,
};
use taper::nn::{Block, CosInit, Halting, Nonlinearity, Norm};
use taper::ops::Prior;
use taper::optim::{Penalised, Schedule};

use super::value_enum::value_enum;

value_enum!(RecipeArg for Recipe {
    /// The exercise that this began as: plain blocks, and AdamW at a constant rate of 1e-3
    Seed,
    /// Injection blocks, a rate that rises to 0.02 and falls to nearly 0, gradients clipped to a norm of 1,
    /// and a weight decay of 0.1; the default for synthetic data
    Injection,
    /// For tables: up to 8 networks of injection blocks of width 64 with silu, features in 8 bins, and up to
    /// 100 epochs or 40,000 steps of all, each at its best epoch on a fifth of the training rows; the default
    /// for files
    Tabular
});

value_enum!(MissingArg for Missing {
    /// They are refused
    Error,
    /// Rows with one are left out
    Drop,
    /// A missing feature becomes the mean of the training rows of each fold
    Mean,
    /// A missing number becomes their median
    Median
});

value_enum!(CategoriesArg for Categories {
    /// Zeros and ones of up to 64 values, means of the targets of more
    Auto,
    /// A feature of zeros and ones of each value, of which there are at most 64
    OneHot,
    /// How far the mean target of the rows of each value is from that of all, shrunk to 0 where chance
    /// explains it; rows to train on are told that of other rows
    Target
});

value_enum!(DatesArg for Dates {
    /// Features of the days that have passed, the year, the season, the weekday and the hour, as far as they
    /// vary
    Expand,
    /// They are text
    Text,
    /// Such columns are left out
    Drop
});

value_enum!(DateFormatArg for DateFormat {
    /// The order in which all dates of the column make sense; if that is no single one, the column is text
    Auto,
    /// The year; dates in other orders are text
    YearFirst,
    /// The day, as in 31.01.2024, where auto finds either
    DayFirst,
    /// The month, as in 01/31/2024, where auto finds either
    MonthFirst
});

value_enum!(MissingTargetArg for MissingTarget {
    /// They are refused
    Error,
    /// They are left out
    Drop
});

value_enum!(ScaleArg for Scale {
    /// Data of files are scaled, synthetic data not
    Auto,
    /// To mean 0 and standard deviation 1; errors are in the target's own units all the same
    Standard,
    /// Likewise, but the input layer takes numbers by their median and quartiles, and bent to at most 3
    /// beyond, and a linear function of the features as they are is added to the output, as by --skip
    RobustClip,
    /// Likewise, but numbers among the features by their quantiles, as numbers of a normal distribution
    Quantile,
    /// As they are
    None
});

/// The kinds of layer by name; the initialisation of cos layers is a setting of its own.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LayerArg {
    /// y = x W^T + b
    #[default]
    Linear,
    /// y = x cos(W)^T + b
    Cos,
}

value_enum!(BlockArg for Block {
    /// h <- act(W h + b)
    Plain,
    /// h <- h + act(W h + b)
    Residual,
    /// h <- act(W h + b + U x + c), where the input layer gives U x + c: the features come in again each time
    Injection
});

value_enum!(ActivationArg for Nonlinearity {
    /// max(x, 0)
    Relu,
    /// x / (1 + exp(-x)), smooth
    Silu,
    /// x tanh(log(1 + exp(x))), smooth
    Mish,
    /// x P(x) with the standard normal distribution function P, smooth
    Gelu
});

value_enum!(NormArg for Norm {
    /// h as it is
    None,
    /// h divided by its root mean square, with a learnt scale
    Rms,
    /// h brought to mean 0 and standard deviation 1, with a learnt scale and shift
    Layer,
    /// each activation brought to mean 0 and standard deviation 1 over the rows of a batch, likewise;
    /// predictions go by the training's rows, with a mean and a deviation for each application
    Batch
});

value_enum!(HaltingArg for Halting {
    /// It does not: training is made at depths as --depths says, and a prediction is the mean over all
    None,
    /// Once for all rows: after each depth all of them stop with a probability that is learned
    Shared,
    /// For each row, with a probability that also depends on its activations there
    Adaptive
});

value_enum!(PriorArg for Prior {
    /// All depths are as probable
    Uniform,
    /// Each depth is four fifths as probable as the one before
    Geometric
});

value_enum!(CosInitArg for CosInit {
    /// pi/2 + U(-1/sqrt(in), 1/sqrt(in)): cos(W) starts like a linear layer's weight
    Centred,
    /// U(-sqrt(6/in), sqrt(6/in)): cos(W) starts near 1, and training explodes
    Kaiming
});

value_enum!(ScheduleArg for Schedule {
    /// It stays
    Constant,
    /// It falls along a line to 0
    Linear,
    /// It falls along half a cosine to 0
    Cosine,
    /// It rises from 1/25 over 30 % of the steps and falls to nearly 0, along half cosines
    OneCycle,
    /// It is a tenth after half of the steps, a hundredth after three quarters
    Step,
    /// It rises from 0 and falls to 0 four times, each time over twice as many steps
    CosLog4,
    /// It becomes a tenth each time that the loss on the rows of --validation has not improved for 5 epochs
    Plateau
});

value_enum!(DepthsArg for Depths {
    /// Drawn, each with the same probability
    Uniform,
    /// Drawn, shallow ones more often: a Poisson distribution with a log-normal mean in the middle
    Poisson,
    /// All in each step, whose loss is the mean of theirs, weighted by --depth-weights
    All
});

value_enum!(PenaliseArg for Penalised {
    /// The weights of layers
    Weights,
    /// Biases and scales too
    All
});

value_enum!(TargetTransformArg for TargetTransform {
    /// The one with the lowest loss on the rows of --validation, in the targets' own units, if it is clearly
    /// lower than that of none; tried where targets are skewed
    Auto,
    /// The targets as they are
    None,
    /// log(y), of targets above 0
    Log,
    /// The power of 1 + |y| by which the training targets become most normal
    YeoJohnson
});

value_enum!(LossArg for LossName {
    /// The mean squared error: predictions are means
    Mse,
    /// The mean absolute error: predictions are medians, and outliers pull no harder than others
    Mae,
    /// Squared for errors up to --huber-delta, and absolute beyond: between the two
    Huber,
    /// The pinball loss of --quantiles: a prediction of each, such as an interval and its median
    Quantile
});

value_enum!(SelectArg for Selection {
    /// The best where there are rows for validation, else the last
    Auto,
    /// The last epoch's
    Last,
    /// That of the epoch with the lowest loss on the rows for validation
    Best,
    /// A new one that is trained on all training rows for as many epochs as the best took
    Refit,
    /// The best epoch of each of --members, each of which has other rows for validation than the one before
    Bag
});

value_enum!(MetricArg for Metric {
    /// The root of the mean squared error
    Rmse,
    /// The mean squared error
    Mse,
    /// The mean absolute error
    Mae,
    /// The median of the absolute errors
    MedianAe,
    /// The mean of the absolute errors, each divided by its target
    Mape,
    /// The mean pinball loss of the quantiles, where they are predicted
    Pinball
});

value_enum!(EngineArg for EngineName {
    /// The fused engine where it applies, else autograd
    Auto,
    /// A plan derived from the network, on buffers that are allocated once
    Fused,
    /// Candle's automatic differentiation
    Autograd
});

value_enum!(DtypeArg for FloatType { F32, F64 });
