#!/usr/bin/env python3
"""Kills a run after each system call on its folder, and lets each such call fail, and then goes on with the run.

    cargo build --release && tests/kills/at_every_call.py target/release/taper [new] [force] [extended]

Needs strace; the three take about half an hour. A run, one that replaces another with --force, and one that is extended are killed with SIGKILL at every
moment between two calls that write to their folder; whatever is left there must let the same call through again and
must be resumed, to the same predictions bit for bit. Then each of these calls gets the error EIO: the run must end
with a line and be resumed in the same way. It prints how many of each there were.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

TAPER = os.path.abspath(sys.argv[1])
CALLS = "write,fsync,rename,renameat,renameat2,unlink,unlinkat,mkdir,rmdir,fchmod,flock,openat,ftruncate"
SMALL = "--rows 60 --features 3 --hidden 4 --batch-size 16 --folds 2 --jobs 1 -q --checkpoint-every 0s".split()
ENVIRONMENT = {**os.environ, "RAYON_NUM_THREADS": "1", "CANDLE_NUM_THREADS": "1"}


def taper(*args):
    call = [TAPER, *args]
    return subprocess.run(call, capture_output=True, text=True, env=ENVIRONMENT, timeout=120)


def succeed(*args):
    output = taper(*args)
    assert output.returncode == 0, f"{args}: {output.stderr}"


def results(folder):
    """What a run computed, but for the time that it took."""
    with open(os.path.join(folder, "results.json")) as file:
        document = json.load(file)
    for fold in document["folds"]:
        del fold["seconds"]
    del document["seconds"]
    with open(os.path.join(folder, "predictions.csv")) as file:
        return json.dumps(document), file.read()


class Scenario:
    """A call, and the folder as it is before it."""

    def __init__(self, name, top, before, call, epochs):
        self.name, self.before, self.call, self.epochs = name, before, call, epochs
        self.folder = os.path.join(top, "run")
        self.expected = os.path.join(top, f"{name}-expected")
        succeed("cv", "--out", self.expected, "--epochs", str(epochs), *SMALL)

    def prepare(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.before:
            shutil.copytree(self.before, self.folder)

    def traced(self, *options):
        """The call under strace, and the lines of its calls on the folder."""
        self.prepare()
        read, write = os.pipe()
        command = ["strace", "-f", "-qq", "-y", "-e", f"trace={CALLS}", *options, "-o", f"/dev/fd/{write}"]
        process = subprocess.Popen(
            [*command, TAPER, *self.call], pass_fds=[write], env=ENVIRONMENT, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        os.close(write)
        return process, (line for line in os.fdopen(read, errors="replace") if self.folder in line)

    def kill_after(self, count):
        """Kills the call after `count` calls; false if it ends before."""
        # Each call takes a while to return, so that the process is where it was when it is killed.
        process, lines = self.traced("-e", f"inject={CALLS}:delay_exit=3000")
        for i, _ in enumerate(lines, 1):
            if i == count:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return True
        process.wait()
        return False

    def check(self, what):
        """Both ways on lead to the same end."""
        killed = self.folder + "-killed"
        shutil.rmtree(killed, ignore_errors=True)
        if os.path.exists(self.folder):
            shutil.copytree(self.folder, killed)
        if os.path.exists(os.path.join(self.folder, "run.json")):
            output = taper("cv", "--resume", self.folder, "-q", "--jobs", "1")
            assert output.returncode == 0, f"{self.name}, {what}, resumed: {output.stderr}"
            # Killed before it had begun, the call has left the run that was there.
            own = [self.expected] + ([self.before] if self.before else [])
            assert any(results(self.folder) == results(run) for run in own), f"{self.name}, {what}: other results"
            succeed("report", self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        if os.path.exists(killed):
            shutil.copytree(killed, self.folder)
        output = taper(*self.call)
        if output.returncode != 0:
            assert "has a run; `--resume` continues it" in output.stderr, f"{self.name}, {what}, again: {output.stderr}"
        else:
            assert results(self.folder) == results(self.expected), f"{self.name}, {what}: other results when called again"

    def kills(self):
        count = 0
        while self.kill_after(count + 1):
            count += 1
            self.check(f"killed after call {count}")
        return count

    def errors(self):
        """Lets the calls fail, of each kind the first, the second and so on of each thread."""
        count = 0
        for call in CALLS.split(","):
            for i in range(1, 1000):
                process, lines = self.traced("-e", f"inject={call}:error=EIO:when={i}")
                hit = [line for line in lines if "(INJECTED)" in line]
                message = process.stderr.read()
                code = process.wait()
                if not hit and code == 0:
                    break
                if not hit:
                    continue
                count += 1
                what = f"{call} {i} failed: {message}"
                # What may fail is said to or makes no difference, as a file that is not there to be removed.
                assert code in (0, 1, 2) and "panicked" not in message, f"{self.name}, {what} ({code})"
                self.check(what)
        return count


def main():
    with tempfile.TemporaryDirectory() as top:
        other, short = os.path.join(top, "other"), os.path.join(top, "short")
        succeed("cv", "--out", other, "--epochs", "2", "--seed", "7", *SMALL)
        succeed("cv", "--out", short, "--epochs", "1", *SMALL)
        out = ["cv", "--out", os.path.join(top, "run"), "--epochs", "3", *SMALL]
        extend = ["cv", "--resume", os.path.join(top, "run"), "--epochs", "3", "-q", "--jobs", "1", "--checkpoint-every", "0s"]
        wanted = sys.argv[2:]
        for scenario in [
            Scenario("new", top, None, out, 3),
            Scenario("force", top, other, [*out, "--force"], 3),
            Scenario("extended", top, short, extend, 3),
        ]:
            if wanted and scenario.name not in wanted:
                continue
            print(f"{scenario.name}: {scenario.kills()} kills", flush=True)
            print(f"{scenario.name}: {scenario.errors()} errors", flush=True)


main()
