//! The flags of `taper cv`.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use taper::config::{
    CvConfig, DataConfig, DeviceSpec, EngineName, FloatType, LayerName, ModelConfig, TrainConfig,
};
use taper::nn::CosInit;
use taper::telemetry::LogFormat;

/// What `taper cv` can be told.
#[derive(Debug, Args)]
pub(crate) struct CvArgs {
    /// Rows of synthetic data
    #[arg(long, value_name = "N", default_value_t = defaults().data.rows, help_heading = "Data")]
    rows: usize,
    /// Features of a row
    #[arg(long, value_name = "N", default_value_t = defaults().data.features, help_heading = "Data")]
    features: usize,
    /// Standard deviation of the noise; its square is the least mse that can be reached
    #[arg(long, value_name = "X", default_value_t = defaults().data.noise, help_heading = "Data",
          allow_hyphen_values = true)]
    noise: f64,
    /// Folds, each tested once with a network trained on the others
    #[arg(long, value_name = "K", default_value_t = defaults().folds, help_heading = "Data")]
    folds: usize,

    /// Width of the hidden layer
    #[arg(long, value_name = "N", default_value_t = defaults().model.hidden, help_heading = "Network")]
    hidden: usize,
    /// Least number of times that the hidden layer is applied
    #[arg(long, value_name = "N", default_value_t = defaults().model.min_depth, help_heading = "Network")]
    min_depth: usize,
    /// Largest number of times that the hidden layer is applied
    #[arg(long, value_name = "N", default_value_t = defaults().model.max_depth, help_heading = "Network")]
    max_depth: usize,
    /// Kind of all layers
    #[arg(long, value_name = "KIND", value_enum, default_value_t, help_heading = "Network")]
    layer: LayerArg,
    /// How the weights of cos layers start
    #[arg(long, value_name = "INIT", value_enum, default_value_t, help_heading = "Network")]
    cos_init: CosInitArg,

    /// Times that training goes through the rows
    #[arg(long, value_name = "N", default_value_t = defaults().train.epochs, help_heading = "Training")]
    epochs: usize,
    /// Rows of a training step
    #[arg(long, value_name = "N", default_value_t = defaults().train.batch_size, help_heading = "Training")]
    batch_size: usize,
    /// Learning rate of AdamW
    #[arg(long, value_name = "X", default_value_t = defaults().train.lr, help_heading = "Training",
          allow_hyphen_values = true)]
    lr: f64,
    /// Decoupled weight decay of AdamW; 0 makes it Adam
    #[arg(long, value_name = "X", default_value_t = defaults().train.weight_decay, help_heading = "Training",
          allow_hyphen_values = true)]
    weight_decay: f64,
    /// What carries out the steps; engines differ by rounding alone
    #[arg(long, value_name = "ENGINE", value_enum, default_value_t, help_heading = "Training")]
    engine: EngineArg,

    /// Seed of all randomness: the same seed gives the same result to the bit
    #[arg(long, value_name = "N", default_value_t = defaults().seed, help_heading = "Run")]
    seed: u64,
    /// Folds trained side by side; does not change the result [default: the cores, or the GPUs]
    #[arg(long, value_name = "N", help_heading = "Run")]
    jobs: Option<NonZeroUsize>,
    /// Device: auto, cpu, cuda, cuda:N, or cuda:N,M,... to share the folds among GPUs; auto takes a GPU if build and
    /// machine have one
    #[arg(long, value_name = "DEVICE", default_value_t, help_heading = "Run")]
    device: DeviceSpec,
    /// Type of data, parameters and arithmetic
    #[arg(long, value_name = "TYPE", value_enum, default_value_t, help_heading = "Run")]
    dtype: DtypeArg,

    /// Print one JSON document instead of the table
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Form of the log lines on standard error
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, help_heading = "Output")]
    log_format: LogFormatArg,
    /// No progress bars, and no log lines but errors
    #[arg(long, short, help_heading = "Output")]
    pub(crate) quiet: bool,
}

fn defaults() -> CvConfig {
    CvConfig::default()
}

impl CvArgs {
    /// The settings that the arguments ask for, not yet validated.
    pub(crate) fn config(&self) -> CvConfig {
        CvConfig {
            data: DataConfig { rows: self.rows, features: self.features, noise: self.noise },
            model: ModelConfig {
                hidden: self.hidden,
                min_depth: self.min_depth,
                max_depth: self.max_depth,
                layer: self.layer.into(),
                cos_init: self.cos_init.into(),
            },
            train: TrainConfig {
                epochs: self.epochs,
                batch_size: self.batch_size,
                lr: self.lr,
                weight_decay: self.weight_decay,
                engine: self.engine.into(),
            },
            folds: self.folds,
            seed: self.seed,
            device: self.device.clone(),
            dtype: self.dtype.into(),
        }
    }

    /// The number of folds to train side by side, if it was said.
    pub(crate) fn jobs(&self) -> Option<NonZeroUsize> {
        self.jobs
    }

    /// The form of the log lines.
    pub(crate) fn log_format(&self) -> LogFormat {
        self.log_format.into()
    }
}

/// Declares the names on the command line of the variants of a library's enum.
macro_rules! value_enum {
    ($arg:ident for $target:ident { $($(#[$doc:meta])* $variant:ident),* }) => {
        #[derive(Debug, Clone, Copy, ValueEnum)]
        enum $arg {
            $($(#[$doc])* $variant),*
        }

        impl From<$arg> for $target {
            fn from(arg: $arg) -> Self {
                match arg {
                    $($arg::$variant => Self::$variant),*
                }
            }
        }

        impl Default for $arg {
            fn default() -> Self {
                match $target::default() {
                    $($target::$variant => Self::$variant),*
                }
            }
        }
    };
}

value_enum!(LayerArg for LayerName {
    /// y = x W^T + b
    Linear,
    /// y = x cos(W)^T + b
    Cos
});

value_enum!(CosInitArg for CosInit {
    /// pi/2 + U(-1/sqrt(in), 1/sqrt(in)): cos(W) starts like a linear layer's weight
    Centred,
    /// U(-sqrt(6/in), sqrt(6/in)): cos(W) starts near 1, and training explodes
    Kaiming
});

value_enum!(EngineArg for EngineName {
    /// The fused engine where it applies, else autograd
    Auto,
    /// A hand-derived forward and backward on buffers that are allocated once
    Fused,
    /// Candle's automatic differentiation
    Autograd
});

value_enum!(DtypeArg for FloatType { F32, F64 });

value_enum!(LogFormatArg for LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json
});
