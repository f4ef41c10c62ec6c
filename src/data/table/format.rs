//! The formats of data files.

use std::path::Path;

#[cfg(not(feature = "parquet"))]
use crate::error::Error;
use crate::error::Result;

/// The format of a data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Text, with the delimiter if the extension implies one.
    Text(Option<u8>),
    /// A numpy array.
    Npy,
    /// Arrays of numpy in a zip archive.
    Npz,
    /// Named tensors.
    Safetensors,
    /// A Parquet table.
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Format {
    /// The format of the file that `data.file` names, by its extension: text where it is none of another
    /// format. What text is packed by has no part in it, so `a.tsv.gz` has the format of `a.tsv`.
    pub(super) fn of(file: &Path) -> Result<Self> {
        let extension = |file: &Path| file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let unpacked = match extension(file).as_str() {
            "gz" | "zst" => extension(Path::new(file.file_stem().unwrap_or_default())),
            _ => extension(file),
        };
        match unpacked.as_str() {
            "tsv" | "tab" => Ok(Self::Text(Some(b'\t'))),
            "npy" => Ok(Self::Npy),
            "npz" => Ok(Self::Npz),
            "safetensors" => Ok(Self::Safetensors),
            #[cfg(feature = "parquet")]
            "parquet" => Ok(Self::Parquet),
            #[cfg(not(feature = "parquet"))]
            "parquet" => Err(Error::config(
                "data.file",
                format!(
                    "is {}, which this build cannot read; `cargo build --release --features parquet` makes one that can",
                    file.display()
                ),
            )),
            _ => Ok(Self::Text(None)),
        }
    }
}
