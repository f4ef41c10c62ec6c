//! `taper gradcheck`.

use std::num::NonZeroUsize;

use anyhow::{Result, bail};
use taper::config::DeviceSpec;
use taper::gradcheck::{Verdict, summary, table};
use taper::{Error, audit};

use super::{print, set_default, share_cores};
use crate::cli::GradcheckArgs;

pub(crate) fn gradcheck(args: &GradcheckArgs) -> Result<()> {
    // Candle reads it once in each thread, before the first backward.
    set_default("CANDLE_GRAD_DO_NOT_DETACH", "1");
    share_cores(1);
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
        print(&format!("{}\n{}", table(&rows), summary(&rows)))?;
    }
    let failed = rows.iter().filter(|row| row.verdict != Verdict::Right).count();
    if failed > 0 && !args.candle {
        bail!("{failed} of {} gradient checks failed", rows.len());
    }
    Ok(())
}
