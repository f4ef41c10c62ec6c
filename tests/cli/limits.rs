//! Too little memory and too few threads: a message and the exit code of a failure, no panic and no abort.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::stderr;

/// Runs `taper` with `args` below a limit, as bash sets it; nothing where there is no bash.
fn taper_below(limit: &str, args: &[&str]) -> Option<Output> {
    let mut command = Command::new("bash");
    let script = format!("{limit} && exec \"$0\" \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_taper")]).args(args);
    // The superuser has as many threads as they like.
    if limit.contains("-u") && fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
        command.uid(61_234).gid(61_234);
    }
    command.env("RUST_LOG", "error").env_remove("RUST_BACKTRACE").output().ok()
}

/// The message of a run that fails below a limit.
fn message(output: &Output) -> &str {
    let message = stderr(output);
    assert_eq!((output.status.code(), message.lines().count()), (Some(1), 1), "{message}");
    message
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A .npy file of as many zeros, which takes no room on the disk.
fn zeros(name: &str, shape: &str, elements: u64) -> PathBuf {
    let path = file(name);
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let start =
        [b"\x93NUMPY\x01\x00", (header.len() as u16).to_le_bytes().as_slice(), header.as_bytes()].concat();
    let mut file = File::create(&path).unwrap();
    file.write_all(&start).unwrap();
    file.set_len(start.len() as u64 + 4 * elements).unwrap();
    path
}

#[test]
fn a_matrix_too_large_for_the_memory_gets_a_message() {
    let (x, y) =
        (zeros("large_x.npy", "1073741824, 8", 1 << 33), zeros("large_y.npy", "1073741824,", 1 << 30));
    let call = ["cv", "--data", x.to_str().unwrap(), "--target", y.to_str().unwrap()];
    // 4 GiB.
    if let Some(output) = taper_below("ulimit -v 4194304", &call) {
        let message = message(&output);
        let expected = format!("error: {}: needs 32.0 GiB of memory, ", x.display());
        assert!(message.starts_with(&expected), "{message}");
    }
    fs::remove_file(x).unwrap();
    fs::remove_file(y).unwrap();
}

/// A file of text does not tell how large its matrix is, so the rows are read until there is no room.
#[test]
fn rows_too_many_for_the_memory_get_a_message() {
    let path = file("memory.csv");
    let columns: Vec<_> = (0..19).map(|i| format!("c{i}")).collect();
    // 40 MB of numbers, many times what the least memory varies by from call to call.
    let rows: Vec<_> = (0..250_000).map(|i| format!("{}{i}\n", "7,".repeat(19))).collect();
    fs::write(&path, format!("{},y\n{}", columns.join(","), rows.concat())).unwrap();
    let call = |mib: u64, target: &str| {
        let call = ["cv", "--epochs=1", "--folds=2", "--jobs=1", "--target", target, "--data"];
        let limit = format!("ulimit -v {}", mib << 10);
        taper_below(&limit, &[&call, [path.to_str().unwrap()].as_slice()].concat())
    };
    let Some(_) = call(4096, "no") else { return };
    // The least memory with which the header is read.
    let (mut fails, mut works) = (0, 4096);
    while works - fails > 1 {
        let middle = u64::midpoint(works, fails);
        let is_read = stderr(&call(middle, "no").unwrap()).contains("target is 'no'");
        if is_read { works = middle } else { fails = middle }
    }
    let output = call(works + 2, "y").unwrap();
    let message = message(&output);
    println!("{works} MiB suffice for the header; {message}");
    let expected = ": does not fit in memory with the rows before it, which take ";
    assert!(
        message.starts_with(&format!("error: {}:", path.display())) && message.contains(expected),
        "{message}"
    );
    fs::remove_file(path).unwrap();
}

#[test]
fn no_thread_to_be_had_gets_a_message() {
    let small = ["--rows=60", "--features=3", "--epochs=2", "--folds=2", "--device=cpu"];
    let Some(output) = taper_below("ulimit -u 1", &[&["cv"], &small[..]].concat()) else { return };
    let expected = "error: cannot start a thread for a fold: ";
    assert!(message(&output).starts_with(expected), "{}", stderr(&output));
    let output = taper_below("ulimit -u 1", &[&["train", "--fast-dev-run"], &small[..4]].concat()).unwrap();
    let watching = "error: cannot start a thread that watches for signals: ";
    assert!(message(&output).starts_with(watching), "{}", stderr(&output));
    let output = taper_below("ulimit -u 1", &["gradcheck", "--candle", "--filter=conv2d"]).unwrap();
    assert!(message(&output).starts_with("error: cannot start a thread"), "{}", stderr(&output));
    // Products so large that they would be divided among threads, and elements so many.
    let large = [
        "--rows=60",
        "--features=100",
        "--hidden=300",
        "--epochs=1",
        "--folds=2",
        "--device=cpu",
        "--layer=cos",
    ];
    for threads in [2, 3, 4, 5, 6, 9] {
        let limit = format!("export RAYON_NUM_THREADS=3; ulimit -u {threads}");
        let output = taper_below(&limit, &[&["cv"], &large[..]].concat()).unwrap();
        match output.status.code() {
            Some(0) => {}
            _ => assert!(message(&output).starts_with(expected), "{}", stderr(&output)),
        }
    }
}
