//! `taper gradcheck`.

use std::num::NonZeroUsize;

use anyhow::{Result, bail};
use clap::Args;
use taper::config::DeviceSpec;
use taper::gradcheck::{Verdict, summary, table_within};
use taper::{Error, audit};

use super::cores::{can_start, set_default, share_cores};
use super::output::{print, width};

/// The flags of `taper gradcheck`.
#[derive(Debug, Args)]
#[command(
    long_about = "Compare the gradients of all operations, layers and networks with numerical ones\n\nEvery function \
                  is checked entry by entry in f64, at contiguous and at strided inputs, first and second \
                  derivatives. A row each, and exit code 1 if any of taper's own fails.\n\nA verdict is right, wrong, \
                  severed (no gradient arrives although the function depends on the input), panics, fails (the \
                  backward returns an error), unsupported (it says that there is none), not differentiable by design, \
                  or unchecked.",
    after_help = concat!("Examples:\n  taper gradcheck --filter maximum\n  taper gradcheck --candle --filter pool", "\n\n", exit_codes!())
)]
pub(crate) struct GradcheckArgs {
    /// Check Candle's own operations instead; findings are printed and are not failures
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

pub(crate) fn gradcheck(args: &GradcheckArgs) -> Result<()> {
    // Candle reads it once in each thread, before the first backward.
    set_default("CANDLE_GRAD_DO_NOT_DETACH", "1");
    share_cores(1);
    // Some of Candle's operations compute on another thread however few there are.
    if !can_start(1) {
        bail!("cannot start a thread, of which some of the operations need one");
    }
    if matches!(&args.device, DeviceSpec::Cuda(numbers) if numbers.len() > 1) {
        let problem = format!("is {}, expected one device", args.device);
        return Err(Error::Config { key: "device", problem }.into());
    }
    let devices = args.device.open(Some(NonZeroUsize::MIN))?;
    let cases = if args.candle { audit::candle_cases()? } else { audit::own_cases()? };
    let rows = audit::run(&cases, &args.filter, &devices[0])?;
    if rows.is_empty() {
        let problem =
            format!("is '{}', which is in no function's name; without it all are shown", args.filter);
        return Err(Error::Config { key: "filter", problem }.into());
    }
    if args.json {
        print(&serde_json::to_string_pretty(&rows)?)?;
    } else {
        print(&format!("{}\n{}", table_within(&rows, width()), summary(&rows)))?;
        for (theirs, ours) in audit::replacements(&rows).iter().filter(|_| args.candle) {
            print(&format!("In the place of {theirs}: {ours}, whose derivatives are right"))?;
        }
    }
    let failed = rows.iter().filter(|row| row.verdict != Verdict::Right).count();
    if failed > 0 && !args.candle {
        bail!("{failed} of {} gradient checks failed", rows.len());
    }
    Ok(())
}
