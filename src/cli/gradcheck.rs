//! The flags of `taper gradcheck`.

use clap::Args;
use taper::config::DeviceSpec;

/// What `taper gradcheck` can be told.
#[derive(Debug, Args)]
#[command(
    long_about = "Hold the gradients of all operations, layers and networks against numerical ones\n\nEvery function \
                  is checked entry by entry in f64, at contiguous and at strided inputs, first and second \
                  derivatives. A row each, and exit code 1 if any of taper's own fails.\n\nA verdict is right, wrong, \
                  severed (no gradient arrives although the function depends on the input), panics, fails (the \
                  backward returns an error), unsupported (it says that there is none), not differentiable by design, \
                  or unchecked.",
    after_help = "Examples:\n  taper gradcheck --filter maximum\n  taper gradcheck --candle --filter pool"
)]
pub(crate) struct GradcheckArgs {
    /// Check Candle's own operations instead; what is found is printed and is no failure
    #[arg(long)]
    pub(crate) candle: bool,
    /// Only functions whose name contains this text
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) filter: String,
    /// Device: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub(crate) device: DeviceSpec,
    /// Print one JSON document instead of the table
    #[arg(long)]
    pub(crate) json: bool,
}
