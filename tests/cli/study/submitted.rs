//! Waves of shards, and what schedulers are given.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{Studies, THREE_ARMS, merged};
use crate::common::{called, stderr, stdout, taper};

/// Carries out all shards of a wave, and returns how many there are.
fn run_wave(folder: &str, number: u32) -> usize {
    let file = Path::new(folder).join(format!("waves/{number:04}.json"));
    let wave: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let shards = wave["shards"].as_array().unwrap().len();
    for shard in 0..shards {
        let (wave, shard) = (number.to_string(), shard.to_string());
        let output = taper(&["study", "run", folder, "--wave", &wave, "--shard", &shard]);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    shards
}

#[test]
fn the_shards_of_a_wave_are_the_study() {
    let studies = Studies::new();
    let alone = studies.whole("alone", THREE_ARMS);
    let folder = studies.plan("shards", THREE_ARMS);
    let dry = ["study", "submit", "-q", &folder, "--engine", "slurm", "--dry-run", "--shards"];
    assert_eq!(called(&[&dry[..], &["4"]].concat()).0, Some(0));
    assert_eq!(run_wave(&folder, 1), 4);
    assert_eq!(called(&["study", "merge", "-q", &folder]).0, Some(0));
    assert_eq!(merged(&folder), merged(&alone));
    let (code, _, log) = called(&["study", "submit", &folder, "--engine", "slurm"]);
    assert!(
        code == Some(0) && log.contains("all 27 tasks have an outcome; there is nothing to submit"),
        "{log}"
    );
    // A shard that is done is done again in no time.
    let again = taper(&["study", "run", &folder, "--wave", "1", "--shard", "1"]);
    assert!(stderr(&again).contains("0 tasks done"), "{}", stderr(&again));
}

/// The next wave has what is missing, and no more shards than folds.
#[test]
fn a_wave_has_what_is_missing() {
    let studies = Studies::new();
    let folder = studies.plan("study", THREE_ARMS);
    let dry = ["study", "submit", "-q", &folder, "--engine", "slurm", "--dry-run"];
    assert_eq!(called(&dry).0, Some(0));
    let of_first = ["study", "run", "-q", &folder, "--wave", "1", "--shard", "0"];
    assert_eq!(called(&of_first).0, Some(0));
    assert_eq!(called(&dry).0, Some(0));
    assert_eq!(run_wave(&folder, 2), 8, "there are nine folds");
    assert_eq!(called(&["study", "merge", "-q", &folder]).0, Some(0));
}

#[test]
fn slurm_is_given_arrays_and_a_job_that_merges() {
    let studies = Studies::new();
    let folder = studies.plan("a study", THREE_ARMS);
    let call = [
        "study",
        "submit",
        &folder,
        "--engine",
        "slurm",
        "--dry-run",
        "--shards",
        "3",
        "--",
        "-p",
        "cpu",
        "-c",
        "4",
    ];
    let output = taper(&call);
    let text = stdout(&output);
    let [array, merge] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert!(
        array.starts_with("sbatch --parsable --requeue --open-mode=append --signal=B:TERM@120 "),
        "{array}"
    );
    assert!(
        array.contains(" --array=0-2 ")
            && array.contains(" -p cpu -c 4 ")
            && array.ends_with("/waves/0001.sbatch' 0"),
        "{array}"
    );
    assert!(merge.contains(" --dependency=afterany:ARRAY1 ") && merge.contains("study merge "), "{merge}");
    let script = fs::read_to_string(Path::new(&folder).join("waves/0001.sbatch")).unwrap();
    assert!(
        script.contains(&format!(" study run '{folder}' --wave 1 --shard $((SLURM_ARRAY_TASK_ID + $1)) ")),
        "{script}"
    );
}

#[test]
fn kubernetes_is_given_an_indexed_job() {
    let studies = Studies::new();
    let folder = studies.plan("study", THREE_ARMS);
    let output = taper(&["study", "submit", &folder, "--engine", "kubernetes", "--dry-run"]);
    let job: Value = yaml_serde::from_str(stdout(&output)).unwrap();
    assert_eq!((&job["kind"], &job["spec"]["completionMode"]), (&"Job".into(), &"Indexed".into()));
    assert_eq!(job["spec"]["completions"], 9);
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    let expected = [
        "taper",
        "study",
        "run",
        &folder,
        "--wave",
        "1",
        "--shard",
        "$(JOB_COMPLETION_INDEX)",
        "--jobs",
        "4",
    ];
    assert_eq!(container["args"], serde_json::json!(expected));
    let (code, _, message) = called(&["study", "submit", &folder, "--engine", "kubernetes"]);
    assert!(code == Some(2) && message.contains("expected --dry-run"), "{message}");
}

#[test]
fn hyperqueue_is_given_a_task_array() {
    let studies = Studies::new();
    let folder = studies.plan("study", THREE_ARMS);
    let output =
        taper(&["study", "submit", &folder, "--engine", "hyperqueue", "--dry-run", "--", "--cpus", "4"]);
    let text = stdout(&output);
    assert!(
        text.starts_with("hq submit --array=0-8 --stream=") && text.contains(" --cpus 4 -- bash -c "),
        "{text}"
    );
    assert!(text.contains("--shard $HQ_TASK_ID"), "{text}");
}
