//! The scales of features, from the file to the predictions.

use std::fmt::Write;
use std::fs;

use rand::Rng;
use taper::random::{Stream, generator};

use crate::common::{assert_predicts_as_tested, called, json, taper};

/// The made task has a linear law with an error of 0.01 left, as `standard` and Ridge come to; with a clip and no
/// path around it 0.19 was left.
#[test]
fn a_linear_law_stays_where_numbers_are_clipped() {
    for more in [&["--recipe", "seed", "--lr", "5e-3", "--schedule", "one-cycle"][..], &["--bins", "4"]] {
        let flags = ["cv", "--json", "--jobs", "1", "--epochs", "40", "--scale", "robust-clip"];
        let found = json(&taper(&[&flags, more].concat()));
        let mse = found["pooled"]["mse"].as_f64().unwrap();
        println!("{more:?}: mse {mse}");
        assert!(mse < 0.015, "{more:?}: {mse}");
    }
}

/// One number in fifty of which y is a smooth function is a thousand times too large.
#[test]
fn outliers_pull_no_harder_than_others_where_they_are_clipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, run) = (path("rows.csv"), path("run"));
    let mut rng = generator(7, Stream::Data, 0);
    let mut text = "a,t,y\n".to_owned();
    for i in 0..300 {
        let a: f64 = rng.random_range(-2. ..2.);
        let shown = if i % 50 == 9 { 1000. * a } else { a };
        writeln!(text, "{shown},{},{}", ["x", "z"][i % 2], (2. * a).sin()).unwrap();
    }
    fs::write(&data, text).unwrap();
    let of_data = ["--data", &data, "--target", "y", "--epochs", "60", "--members", "1", "--bins", "0"];
    let r2 = |scale: &str| {
        let flags = ["cv", "--json", "--validation", "0", "--select", "last", "--scale", scale];
        json(&taper(&[&flags, &of_data[..]].concat()))["pooled"]["r2"].as_f64().unwrap()
    };
    let [clipped, standard] = ["robust-clip", "standard"].map(r2);
    println!("r2 {clipped} clipped, {standard} by mean and deviation");
    assert!(clipped > 0.6 && standard < 0.3);

    let train = ["train", "--json", "--holdout", "0.3", "--out", &run, "--scale", "robust-clip"];
    json(&taper(&[&train, &of_data[..]].concat()));
    let model = path("run/model.safetensors");
    assert_predicts_as_tested(&run, &data, 90);
    assert_eq!(json(&taper(&["inspect", "--json", &model]))["format"], 6);
    let (_, table, _) = called(&["inspect", &model]);
    assert!(table.contains("number, clipped smoothly"), "{table}");
    let (code, _, error) = called(&["train", "-q", "--resume", &run]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
}
