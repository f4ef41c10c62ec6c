//! Waves as job arrays of Slurm.

use std::path::Path;

use anyhow::{Context, Result};
use taper::storage::{create_folders, write_atomically};
use taper::text::shell_quote;
use tracing::info;

use super::scheduler::{Submission, output, typed};
use crate::commands::output::print;

/// The jobs that an array may have where Slurm does not say so.
const USUAL_ARRAY: usize = 1001;

/// Submits arrays of all shards, each as large as this Slurm allows, and a job after them that merges.
pub(super) fn submit(wave: &Submission) -> Result<()> {
    let script = wave.study.join("waves").join(format!("{:04}.sbatch", wave.wave));
    write_atomically(&script, script_of(wave).as_bytes())?;
    create_folders(&wave.study.join("logs"))?;
    let most = most_jobs();
    let mut jobs = Vec::new();
    for start in (0..wave.shards).step_by(most) {
        let call = array(wave, &script, start, most.min(wave.shards - start));
        jobs.push(carry_out(wave, &call, &format!("ARRAY{}", jobs.len() + 1))?);
    }
    carry_out(wave, &merge(wave, &jobs), "")?;
    if !wave.dry_run {
        info!(
            "submitted as {}; `squeue` tells about jobs, and `taper study status` about tasks",
            jobs.join(", ")
        );
    }
    Ok(())
}

/// The number of the job that `call` submits, or `unknown` where it is only printed.
fn carry_out(wave: &Submission, call: &[String], unknown: &str) -> Result<String> {
    if wave.dry_run {
        print(&typed(call))?;
        return Ok(unknown.to_owned());
    }
    let said = output(call).with_context(|| format!("wave {} is not submitted as a whole", wave.wave))?;
    // The name of a cluster may follow.
    Ok(said.split(';').next().unwrap_or_default().to_owned())
}

/// What runs a shard. A shell gets the signals, since Slurm sends them to nobody else before the time is
/// over.
fn script_of(wave: &Submission) -> String {
    let [taper, study] = [&wave.taper, &wave.study].map(|path| path.to_string_lossy().into_owned());
    let (taper, study, wave) = (shell_quote(&taper), shell_quote(&study), wave.wave);
    format!(
        r#"#!/bin/bash
# A shard of wave {wave}: $1 is the one of the array's job 0.
{taper} study run {study} --wave {wave} --shard $((SLURM_ARRAY_TASK_ID + $1)) --jobs "${{SLURM_CPUS_PER_TASK:-1}}" &
child=$!
trap 'kill -TERM $child' TERM
wait $child
code=$?
# It also returns when the signal arrives.
while kill -0 $child 2>/dev/null; do
    wait $child
    code=$?
done
# What a fault, the end of the time or a preemption left goes on elsewhere. Where users may not put jobs back, the next
# wave has it.
case $code in
75 | 124 | 143)
    if [ "${{SLURM_RESTART_COUNT:-0}}" -lt 10 ]; then
        scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}" || true
    fi
    ;;
esac
exit $code
"#
    )
}

/// The call for an array of `count` shards from `start` on.
fn array(wave: &Submission, script: &Path, start: usize, count: usize) -> Vec<String> {
    let log = wave.study.join("logs").join(format!("{:04}-{start}+%a.log", wave.wave));
    let mut call: Vec<String> =
        ["sbatch", "--parsable", "--requeue", "--open-mode=append", "--signal=B:TERM@120"]
            .map(str::to_owned)
            .into();
    call.push(format!("--job-name={}", name(wave)));
    call.push(format!("--array=0-{}", count - 1));
    call.push(format!("--output={}", log.display()));
    call.extend(wave.arguments.iter().cloned());
    call.extend([script.display().to_string(), start.to_string()]);
    call
}

/// The call for the job that merges when the arrays `jobs` are over, however they end.
fn merge(wave: &Submission, jobs: &[String]) -> Vec<String> {
    let log = wave.study.join("logs").join(format!("{:04}-merge.log", wave.wave));
    let [taper, study] = [&wave.taper, &wave.study].map(|path| path.to_string_lossy().into_owned());
    let mut call: Vec<String> =
        ["sbatch", "--parsable", "--requeue", "--open-mode=append"].map(str::to_owned).into();
    call.push(format!("--job-name={}-merge", name(wave)));
    call.push(format!("--dependency=afterany:{}", jobs.join(":")));
    call.push(format!("--output={}", log.display()));
    call.extend(wave.arguments.iter().cloned());
    call.push(format!("--wrap={} study merge {}", shell_quote(&taper), shell_quote(&study)));
    call
}

/// The name of the jobs: that of the study's folder.
fn name(wave: &Submission) -> String {
    wave.study.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The jobs that an array may have.
fn most_jobs() -> usize {
    let config = output(&["scontrol", "show", "config"].map(str::to_owned)).unwrap_or_default();
    let most =
        config.lines().filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == "MaxArraySize");
    most.and_then(|(_, most)| most.trim().parse().ok()).filter(|most| *most > 0).unwrap_or(USUAL_ARRAY)
}
