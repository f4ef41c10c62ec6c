"""Runs a study on a HyperQueue of two workers in this process, and holds its results against those of one process:

    python3 -m venv target/hyperqueue && target/hyperqueue/bin/pip install hyperqueue==0.27.0
    target/hyperqueue/bin/python tests/hyperqueue/study.py target/release/taper

Each task is what `taper study submit --engine hyperqueue` has `hq submit` run; the package has no `hq` itself.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig

STUDY = """
reference = "fixed"
folds = 5
repeats = 2
[base.train]
epochs = 5
[arms.fixed.model]
min_depth = 4
[arms.random]
[data.linear]
rows = 500
"""


def main():
    taper = Path(sys.argv[1]).resolve()
    folder = Path(tempfile.mkdtemp())
    # The output of tasks goes to the folder of the call.
    os.chdir(folder)
    (folder / "study.toml").write_text(STUDY)

    def called(*arguments):
        call = [taper, "study", *map(str, arguments), "-q"]
        return subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True).stdout

    alone, study = folder / "alone", folder / "queued"
    for out in alone, study:
        called("plan", folder / "study.toml", "--out", out)
    called("run", alone)
    words = shlex.split(called("submit", study, "--engine", "hyperqueue", "--dry-run", "--shards", "4"))
    (tasks,) = [word.removeprefix("--array=0-") for word in words if word.startswith("--array=")]
    with LocalCluster() as cluster:
        for _ in range(2):
            cluster.start_worker(WorkerConfig(cores=1))
        client = cluster.client()
        job = Job(max_fails=0)
        for _ in range(int(tasks) + 1):
            job.program(words[words.index("--") + 1 :])
        if not client.wait_for_jobs([client.submit(job)]):
            sys.exit("a task failed")
    found = []
    for out in alone, study:
        called("merge", out)
        found.append((out / "merged/results.jsonl").read_bytes())
    if found[0] != found[1]:
        sys.exit(f"{study} has other results than {alone}")
    print(f"{int(tasks) + 1} shards have the bytes of one process")


if __name__ == "__main__":
    main()
