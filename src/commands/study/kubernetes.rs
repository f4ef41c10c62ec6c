//! Waves as indexed jobs of Kubernetes.

use anyhow::Result;

use super::scheduler::Submission;
use crate::commands::output::print;

/// Prints the manifest of a job with an index for each shard, where a volume with the study is mounted at the
/// path that it has here.
pub(super) fn print_manifest(wave: &Submission) -> Result<()> {
    print(manifest(wave).trim_end())
}

fn manifest(wave: &Submission) -> String {
    let study = wave.study.display();
    let (shards, number) = (wave.shards, wave.wave);
    let parallel = shards.min(64);
    format!(
        r#"# Wave {number} of the study in {study}. An index is a shard; what fails with 75 or is lost is tried again.
apiVersion: batch/v1
kind: Job
metadata:
  generateName: taper-study-wave-{number}-
spec:
  completionMode: Indexed
  completions: {shards}
  parallelism: {parallel}
  backoffLimitPerIndex: 5
  podFailurePolicy:
    rules:
      # A node that is taken away is no failure of the shard.
      - action: Ignore
        onPodConditions:
          - type: DisruptionTarget
      # A wrong plan or other data: no attempt would do better.
      - action: FailIndex
        onExitCodes:
          operator: In
          values: [1, 2]
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 30
      containers:
        - name: shard
          # An image with taper in its path, and the cores of a shard.
          image: taper:latest
          resources:
            requests:
              cpu: "4"
          args: [taper, study, run, "{study}", --wave, "{number}", --shard, $(JOB_COMPLETION_INDEX), --jobs, "4"]
          volumeMounts:
            - name: study
              mountPath: "{study}"
      volumes:
        # A volume that all nodes can write, with the study's folder; the data files are mounted likewise.
        - name: study
          persistentVolumeClaim:
            claimName: taper-study
"#
    )
}
