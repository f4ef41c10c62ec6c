//! The flags of `taper cv`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use taper::Error;
use taper::config::{
    CvConfig, DataConfig, DeviceSpec, EngineName, FileConfig, FloatType, LayerName, Missing, ModelConfig,
    TrainConfig,
};
use taper::data::Scale;
use taper::nn::CosInit;
use taper::telemetry::LogFormat;

/// What `taper cv` can be told.
#[derive(Debug, Args)]
pub(crate) struct CvArgs {
    /// File to learn: .csv, .tsv or .txt with a header, .npy, or .safetensors with tensors X and y [default: synthetic
    /// data]
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    data: Option<PathBuf>,
    /// Columns of the file to predict; for .npy the file of the targets, for .safetensors the name of their tensor
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', requires = "data", help_heading = "Data")]
    target: Vec<String>,
    /// Columns of the file to predict from [default: all others], or of synthetic data their number [default: 64]
    #[arg(long, value_name = "COLUMN,...|N", value_delimiter = ',', help_heading = "Data")]
    features: Vec<String>,
    /// Columns of the file to leave out
    #[arg(
        long,
        value_name = "COLUMN,...",
        value_delimiter = ',',
        requires = "data",
        conflicts_with = "features",
        help_heading = "Data"
    )]
    drop: Vec<String>,
    /// What becomes of missing values of the file
    #[arg(long, value_name = "WAY", value_enum, default_value_t, requires = "data", help_heading = "Data")]
    missing: MissingArg,
    /// Column of the file whose equal values stay in one fold; it is no feature
    #[arg(long, value_name = "COLUMN", requires = "data", help_heading = "Data")]
    group: Option<String>,
    /// Whether features and targets are scaled, by what is fitted on the training rows of each fold
    #[arg(long, value_name = "WAY", value_enum, default_value_t, help_heading = "Data")]
    scale: ScaleArg,
    /// Rows of synthetic data
    #[arg(long, value_name = "N", default_value_t = defaults().data.rows, conflicts_with = "data",
          help_heading = "Data")]
    rows: usize,
    /// Standard deviation of the noise of synthetic data; its square is the least mse that can be reached
    #[arg(long, value_name = "X", default_value_t = defaults().data.noise, conflicts_with = "data",
          help_heading = "Data", allow_hyphen_values = true)]
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
    ///
    /// # Errors
    ///
    /// Fails when the features of synthetic data are no number.
    pub(crate) fn config(&self) -> Result<CvConfig, Error> {
        Ok(CvConfig {
            data: self.data()?,
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
        })
    }

    fn data(&self) -> Result<DataConfig, Error> {
        let file = self.data.as_ref().map(|file| FileConfig {
            file: file.clone(),
            target: self.target.clone(),
            features: self.features.clone(),
            drop: self.drop.clone(),
            missing: self.missing.into(),
            group: self.group.clone(),
        });
        let features = match self.features.as_slice() {
            [number] if file.is_none() => number.parse().map_err(|_| self.no_number())?,
            [_, ..] if file.is_none() => return Err(self.no_number()),
            _ => defaults().data.features,
        };
        Ok(DataConfig { rows: self.rows, features, noise: self.noise, scale: self.scale.into(), file })
    }

    fn no_number(&self) -> Error {
        let problem = format!("is {}, expected a number, or columns of --data FILE", self.features.join(","));
        Error::Config { key: "data.features", problem }
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

value_enum!(MissingArg for Missing {
    /// They are refused
    Error,
    /// Rows with one are left out
    Drop,
    /// A missing feature becomes the mean of the training rows of each fold
    Mean
});

value_enum!(ScaleArg for Scale {
    /// Data of files are scaled, synthetic data not
    Auto,
    /// To mean 0 and standard deviation 1; errors are in the target's own units all the same
    Standard,
    /// As they are
    None
});

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
