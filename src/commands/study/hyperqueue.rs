//! Waves as task arrays of HyperQueue.

use anyhow::Result;
use taper::storage::create_folders;
use taper::text::shell_quote;
use tracing::info;

use super::scheduler::{Submission, output, typed};
use crate::commands::output::print;

/// Submits a task array of all shards.
pub(super) fn submit(wave: &Submission) -> Result<()> {
    let logs = wave.study.join("logs");
    create_folders(&logs)?;
    let mut call = vec!["hq".to_owned(), "submit".to_owned(), format!("--array=0-{}", wave.shards - 1)];
    call.push(format!("--stream={}", logs.display()));
    call.extend(wave.arguments.iter().cloned());
    // The shell puts the number of the task in, which the arguments of an array are not.
    let [taper, study] = [&wave.taper, &wave.study].map(|path| path.to_string_lossy().into_owned());
    let shard = format!(
        "exec {} study run {} --wave {} --shard $HQ_TASK_ID --jobs $(echo $HQ_CPUS | tr , '\\n' | wc -l)",
        shell_quote(&taper),
        shell_quote(&study),
        wave.wave
    );
    call.extend(["--", "bash", "-c"].map(str::to_owned));
    call.push(shard);
    if wave.dry_run {
        return print(&typed(&call));
    }
    info!("{}", output(&call)?);
    Ok(())
}
