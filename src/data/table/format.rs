//! The formats of data files.

use std::path::Path;

use crate::error::{Error, Result};

/// The format of a data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Text, with the delimiter if the extension implies one.
    Text(Option<u8>),
    /// A numpy array.
    Npy,
    /// Named tensors.
    Safetensors,
    /// A Parquet table.
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Format {
    /// The format of the file that `data.file` names, by its extension.
    pub(super) fn of(file: &Path) -> Result<Self> {
        let refused = |problem| Error::config("data.file", format!("is {}, {problem}", file.display()));
        let extension = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match extension.as_str() {
            "csv" | "txt" => Ok(Self::Text(None)),
            "tsv" => Ok(Self::Text(Some(b'\t'))),
            "npy" => Ok(Self::Npy),
            "safetensors" => Ok(Self::Safetensors),
            #[cfg(feature = "parquet")]
            "parquet" => Ok(Self::Parquet),
            #[cfg(not(feature = "parquet"))]
            "parquet" => Err(refused(
                "which this build cannot read; `cargo build --release --features parquet` makes one that can",
            )),
            _ => Err(refused("expected a .csv, .tsv, .txt, .parquet, .npy or .safetensors file")),
        }
    }
}
