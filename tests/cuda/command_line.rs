//! The binary on CUDA.

use std::process::{Command, Output};

use crate::compare::{Tolerance, assert_close};
use crate::reference::{array, number, numbers};
use serde_json::Value;

/// A run on the GPUs that the variables in `environment` leave visible.
fn taper(args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taper"));
    command.env_remove("RUST_LOG").envs(environment.iter().copied());
    command.args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

const SMALL: [&str; 10] =
    ["--rows", "600", "--features", "16", "--epochs", "3", "--folds", "3", "--json", "--quiet"];

/// A small run on `device` that succeeds; the report and what was said on standard error.
fn report(device: &str, more: &[&str], environment: &[(&str, &str)]) -> (Value, String) {
    let output = taper(&[SMALL.as_slice(), &["--device", device], more].concat(), environment);
    assert!(output.status.success(), "{device}: {}", text(&output.stderr));
    (serde_json::from_slice(&output.stdout).unwrap(), text(&output.stderr).to_owned())
}

/// Every number of the folds but the seconds.
fn results(report: &Value) -> Vec<f64> {
    let fold = |fold: &Value| {
        let by_depth = fold["mse_by_depth"].as_object().unwrap().values().map(number);
        let metrics = ["mse", "rmse", "mae", "r2"].map(|name| number(&fold[name]));
        numbers(&fold["train_loss"]).into_iter().chain(by_depth).chain(metrics).collect::<Vec<_>>()
    };
    array(&report["folds"]).iter().flat_map(fold).collect()
}

const CLOSE: Tolerance = Tolerance { rtol: 1e-4, atol: 1e-6 };

#[test]
fn a_run_on_cuda_gives_the_cpus_result() {
    for more in [["--dtype", "f32"], ["--dtype", "f64"], ["--layer", "cos"]] {
        let expected = results(&report("cpu", &more, &[]).0);
        let cuda = results(&report("cuda", &more, &[]).0);
        assert_close(&format!("{more:?}"), &cuda, &expected, CLOSE);
        // Folds side by side on one GPU, which is opened for no more jobs than there are folds, and the GPU
        // that `auto` takes: the same bit for bit.
        for jobs in ["3", "1000000"] {
            let more = [more.as_slice(), &["--jobs", jobs]].concat();
            assert_eq!(results(&report("cuda:0", &more, &[]).0), cuda);
        }
        assert_eq!(results(&report("auto", &more, &[]).0), cuda);
    }
}

/// The losses on the rows for validation, the best parameters and a second training are those of the CPU.
#[test]
fn validation_on_cuda_is_that_on_the_cpu() {
    for select in ["best", "refit"] {
        let more = ["--validation", "0.25", "--schedule", "plateau", "--select", select, "--dtype", "f64"];
        let [cpu, cuda] = ["cpu", "cuda"].map(|device| report(device, &more, &[]).0);
        assert_close(select, &results(&cuda), &results(&cpu), CLOSE);
        for (cuda, cpu) in array(&cuda["folds"]).iter().zip(array(&cpu["folds"])) {
            let [cuda, cpu] = [cuda, cpu].map(|fold| &fold["validation"]);
            assert_close(select, &numbers(&cuda["loss"]), &numbers(&cpu["loss"]), CLOSE);
            assert_eq!(cuda["selected"], cpu["selected"]);
        }
    }
}

/// The emulator has as many GPUs as it is told; a machine with a single real one cannot run this.
#[test]
fn two_gpus_share_the_folds() {
    let two = [("CUDA_EMU_DEVICES", "2")];
    let output = taper(&[SMALL.as_slice(), &["--device", "cuda:1"]].concat(), &two);
    if !output.status.success() {
        println!("skipped, there is no second GPU: {}", text(&output.stderr));
        return;
    }
    let one = results(&serde_json::from_slice(&output.stdout).unwrap());
    assert_eq!(results(&report("cuda:0,1", &[], &two).0), one);
    assert_eq!(results(&report("cuda:1,0", &["--jobs", "3"], &two).0), one);
}

#[test]
fn a_gpu_that_cannot_be_used_is_one_line_and_exit_code_1() {
    let none = [("CUDA_VISIBLE_DEVICES", "")];
    let traced = [("CUDA_VISIBLE_DEVICES", ""), ("RUST_BACKTRACE", "1")];
    for (args, environment, says) in [
        (["--device", "cuda"].as_slice(), none.as_slice(), "GPU 0 cannot be used: "),
        (&["--device", "cuda"], &traced, "GPU 0 cannot be used: "),
        (&["--device", "cuda:99"], &[], "GPU 99 cannot be used: "),
        (&["--device", "cuda:0,99"], &[], "GPU 99 cannot be used: "),
        (&["gradcheck", "--device", "cuda"], &none, "GPU 0 cannot be used: "),
    ] {
        let output = taper(args, environment);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
        assert_eq!(error.lines().count(), 1, "{args:?}: {error}");
        assert!(error.contains(says) && error.contains("CUDA_ERROR_"), "{args:?}: {error}");
        assert!(error.contains("`--device cpu` computes on the CPU"), "{args:?}: {error}");
    }
}

#[test]
fn auto_goes_on_with_the_cpu_and_says_why() {
    let none = [("CUDA_VISIBLE_DEVICES", "")];
    let expected = results(&report("cpu", &[], &[]).0);
    assert_eq!(results(&report("auto", &[], &none).0), expected);
    let loud: Vec<_> = SMALL.iter().copied().filter(|&flag| flag != "--quiet").collect();
    let output = taper(&loud, &none);
    let said = text(&output.stderr);
    assert!(said.contains("WARN") && said.contains("computing on the CPU"), "{said}");
}
