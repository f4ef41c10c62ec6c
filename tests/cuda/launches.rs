//! What a training step queues on the device, counted by the emulator of `tests/cuda_emulator`.
//!
//! A run of several steps counts against a run of one more, each in a process of its own: the emulator writes
//! its counts when a process ends. On a real GPU there are none, and the test ends without having checked
//! anything.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs, process};

use crate::plain::Plain;
use candle_core::{DType, Device};
use candle_nn::VarMap;
use taper::config::{ModelConfig, TrainConfig};
use taper::data::synthetic;
use taper::nn::{CosInit, DynamicNet, LayerKind, seeded_builder};
use taper::random::{Stream, generator};
use taper::train::Trainer;

const FEATURES: usize = 64;

/// What a child process is to do: `engine depth steps`.
const TASK: &str = "TAPER_COUNT_LAUNCHES";

/// Makes `steps` steps of 64 rows at `depth`: by `taper` in one epoch, by `cos` likewise with cos layers, or
/// by `candle`, the same network in plain Candle.
fn work(engine: &str, depth: usize, steps: usize) {
    let gpu = Device::new_cuda(0).unwrap();
    let rng = generator(1, Stream::Data, 0);
    let data = synthetic(64 * steps, FEATURES, 0.1, rng, DType::F32, &gpu).unwrap();
    if engine == "candle" {
        let mut plain = Plain::new(FEATURES, &gpu);
        for step in 0..steps {
            let rows: Vec<u32> = (64 * step as u32..64 * (step as u32 + 1)).collect();
            let (x, y) = data.select(&rows).unwrap();
            plain.step(&x, &y, depth).unwrap();
        }
        return;
    }
    let layer = if engine == "cos" { LayerKind::Cos(CosInit::Centred) } else { LayerKind::Linear };
    let model = ModelConfig { min_depth: depth, max_depth: depth, layer, ..ModelConfig::default() };
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, generator(1, Stream::Init, 0), DType::F32, &gpu);
    let net = DynamicNet::new(&model.network(FEATURES, 1), vb).unwrap();
    let mut trainer = Trainer::new(net, &vars, &TrainConfig::default(), 1, 0).unwrap();
    trainer.epoch(&data, &mut (0..data.rows() as u32).collect::<Vec<_>>()).unwrap();
}

type Counts = BTreeMap<String, i64>;

/// The counts of a process that does `task`, or `None` without the emulator.
fn counts(task: &str) -> Option<Counts> {
    let file: PathBuf =
        env::temp_dir().join(format!("taper-launches-{}-{}", process::id(), task.replace(' ', "-")));
    let output = Command::new(env::current_exe().unwrap())
        .args(["launches::a_step_has_few_launches_and_no_waiting", "--exact"])
        .env(TASK, task)
        .env("CUDA_EMU_STATS", &file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{task}: {}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(&file).ok()?;
    fs::remove_file(&file).unwrap();
    let lines = text.lines().filter_map(|line| line.trim().split_once(' '));
    Some(lines.map(|(count, name)| (name.trim().to_owned(), count.parse().unwrap())).collect())
}

/// What one more step adds.
fn of_a_step(engine: &str, depth: usize) -> Option<Counts> {
    let few = counts(&format!("{engine} {depth} 3"))?;
    let mut more = counts(&format!("{engine} {depth} 4"))?;
    for (name, count) in &few {
        *more.entry(name.clone()).or_default() -= count;
    }
    more.retain(|_, count| *count != 0);
    Some(more)
}

#[test]
fn a_step_has_few_launches_and_no_waiting() {
    if let Ok(task) = env::var(TASK) {
        let words: Vec<_> = task.split(' ').collect();
        let [engine, depth, steps] = words[..] else { panic!("{task}") };
        return work(engine, depth.parse().unwrap(), steps.parse().unwrap());
    }
    println!(
        "{:8} {:>5} {:>8} {:>8} {:>6} {:>5}",
        "engine", "depth", "kernels", "products", "copies", "fills"
    );
    for (engine, depth) in (1..=4).flat_map(|depth| ["candle", "taper", "cos"].map(|engine| (engine, depth)))
    {
        let Some(step) = of_a_step(engine, depth) else {
            println!("there is no emulator that counts");
            return;
        };
        let count = |name: &str| step.get(name).copied().unwrap_or(0);
        let copies = count("memcpy_htod") + count("memcpy_dtoh") + count("memcpy_dtod");
        let (kernels, products, fills) = (count("launch"), count("gemm"), count("memset"));
        println!("{engine:8} {depth:5} {kernels:8} {products:8} {copies:6} {fills:5}");
        if engine == "candle" {
            continue;
        }
        // 12 kernels and 5 products, 2 and 3 for each application of the hidden layer; cos(W) and its
        // gradient besides.
        let of_cos = if engine == "cos" { 6 } else { 0 };
        let hidden = i64::try_from(depth).unwrap();
        assert_eq!((kernels, products), (12 + 2 * hidden + of_cos, 5 + 3 * hidden), "{step:?}");
        assert!(depth > 2 || kernels + products < 40, "{step:?}");
        for name in ["synchronize", "memcpy_htod", "memcpy_dtoh", "memcpy_dtod", "memset", "malloc", "free"] {
            assert_eq!(count(name), 0, "{name}: {step:?}");
        }
    }
}
