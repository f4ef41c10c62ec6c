//! The recorded findings of the audit in Candle 0.11.1: an upgrade that changes a derivative shows here.

use std::fmt::Write;
use std::path::Path;

use crate::second_order::with_second_order;
use candle_core::Device;
use taper::audit;
use taper::gradcheck::Verdict::{self, Fails, Right, Severed, Unsupported, Wrong};
use taper::gradcheck::{Mode, Row};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/audit.txt");

/// One line per row: what was checked, and the verdict.
fn summary(rows: &[Row]) -> String {
    rows.iter().fold(String::new(), |mut text, Row { name, inputs, order, verdict, .. }| {
        writeln!(text, "{name} | {inputs} | order {order} | {verdict}").unwrap();
        text
    })
}

#[test]
fn verdicts_are_the_recorded_ones() {
    with_second_order("audit::verdicts_are_the_recorded_ones", || {
        let (found, recorded) = (
            summary(&audit::run(&audit::candle_cases().unwrap(), "", &Device::Cpu).unwrap()),
            std::fs::read_to_string(PATH).unwrap(),
        );
        let only_in = |a: &str, b: &str, sign: &str| -> String {
            let missing = a.lines().filter(|line| !b.lines().any(|other| other == *line));
            missing.fold(String::new(), |text, line| format!("{text}{sign} {line}\n"))
        };
        let changes = only_in(&recorded, &found, "-") + &only_in(&found, &recorded, "+");
        assert!(
            changes.is_empty(),
            "the findings have changed; if Candle has, record them with \
             `cargo test --test gradcheck audit -- --ignored`:\n{changes}"
        );
        assert_eq!(found.lines().count(), recorded.lines().count());
    });
}

#[test]
#[ignore = "writes tests/reference/audit.txt anew"]
fn record() {
    if std::env::var("CANDLE_GRAD_DO_NOT_DETACH").is_err() {
        let again = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["audit::record", "--exact", "--ignored"])
            .env("CANDLE_GRAD_DO_NOT_DETACH", "1")
            .status();
        assert!(again.unwrap().success());
        return;
    }
    std::fs::write(
        Path::new(PATH),
        summary(&audit::run(&audit::candle_cases().unwrap(), "", &Device::Cpu).unwrap()),
    )
    .unwrap();
}

/// Fast mode reaches the same verdicts as slow mode for all of Candle, wrong operations included.
#[test]
fn fast_mode_agrees_with_slow_mode() {
    for case in audit::candle_cases().unwrap() {
        let (slow, fast) = (case.run(), case.clone().mode(Mode::Fast).run());
        assert_eq!(fast.verdict, slow.verdict, "{}: {} / {}", case.name(), slow.detail, fast.detail);
    }
}

/// No two cases share a name, and a filter that matches no name finds nothing.
#[test]
fn case_names_are_unique() {
    let mut names: Vec<_> =
        audit::candle_cases().unwrap().iter().map(|case| case.name().to_string()).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(
        audit::run(&audit::candle_cases().unwrap(), "no such operation", &Device::Cpu).unwrap().is_empty()
    );
}

/// The findings in a few words each; tests/reference/audit.txt has them all.
#[test]
fn findings_are_named() {
    let found = |name: &str, strided: bool, verdict: Verdict, detail: &str| {
        let rows = audit::run(&audit::candle_cases().unwrap(), name, &Device::Cpu).unwrap();
        let row =
            rows.iter().find(|row| row.name == name && row.inputs.contains("strided") == strided).unwrap();
        assert_eq!(row.verdict, verdict, "{name}: {}", row.detail);
        assert!(row.detail.contains(detail), "{name}: {}", row.detail);
    };
    found("upsample_nearest2d", false, Wrong, "overwrites instead of accumulating");
    found("max_pool2d", false, Wrong, "off by a factor of 0.25");
    found("avg_pool2d, remainder 1", false, Wrong, "derivatives differ");
    found("scatter(0)", false, Wrong, "0.000000e0 numerically and 1.000000e0 by backward");
    found("scatter_add(0)", false, Wrong, "1.000000e0 numerically and 0.000000e0 by backward");
    found("conv1d", false, Wrong, "derivatives differ");
    found("conv1d, padding 1", true, Wrong, "forward depends on the memory layout");
    found("conv2d, stride 2, remainder in one axis", false, Fails, "gradient of the wrong shape");
    found("unfold", false, Fails, "backward of output 0 failed");
    for fused in ["softmax_last_dim", "layer_norm", "rms_norm", "rope", "LayerNorm", "RmsNorm"] {
        found(fused, false, Severed, "severed graph");
    }
    // For a non-contiguous input the layer takes its slow path, which has a gradient.
    found("LayerNorm", true, Right, "");
    found("upsample_bilinear2d", false, Unsupported, "not supported");
}
