//! Compiles the CUDA kernels to PTX when the feature `cuda` asks for them.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "cuda")]
    {
        // A new file is seen by its folder alone.
        println!("cargo:rerun-if-changed=src");
        for variable in ["CUDA_HOME", "NVCC", "PATH"] {
            println!("cargo:rerun-if-env-changed={variable}");
        }
        if let Err(error) = kernels::compile() {
            println!("cargo::error={error}");
        }
    }
}

#[cfg(feature = "cuda")]
mod kernels {
    use std::env;
    use std::error::Error;
    use std::path::PathBuf;

    use cudaforge::{KernelBuilder, detect_compute_cap};

    /// The newest compute capability whose features the kernels use: the bf16 conversions of the Ampere
    /// generation.
    const NEWEST_USED: usize = 80;

    const NO_NVCC: &str = "the feature `cuda` needs the CUDA toolkit 12 or newer: put nvcc on the PATH or set \
         NVCC or CUDA_HOME, or build without `--features cuda`";

    /// Writes `ptx.rs`, a constant with the PTX of each `src/**/*.cu`.
    pub(super) fn compile() -> Result<(), Box<dyn Error>> {
        // A GPU loads PTX of its own compute capability and of older ones. CUDA_COMPUTE_CAP or the GPU of
        // this machine may ask for an older one than we use; without either, Ampere and newer are served.
        let wanted = detect_compute_cap().map_or(NEWEST_USED, |arch| arch.base());
        KernelBuilder::new()
            .source_glob("src/**/*.cu")
            .watch(["block_sum", "elementwise", "loss", "smooth"].map(|name| format!("src/ops/{name}.cuh")))
            .compute_cap(wanted.min(NEWEST_USED))
            .args(["-std=c++17", "-O3", "-Isrc/ops"])
            .build_ptx()
            .map_err(|error| match error {
                cudaforge::Error::NvccNotFound(_) | cudaforge::Error::CudaToolkitNotFound(_) => {
                    format!("{NO_NVCC} ({error})").into()
                }
                error => Box::<dyn Error>::from(error),
            })?
            .write(PathBuf::from(env::var("OUT_DIR")?).join("ptx.rs"))?;
        Ok(())
    }
}
