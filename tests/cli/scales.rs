//! The scales of features, from the file to the predictions.

use std::fmt::Write;
use std::fs;

use rand::Rng;
use taper::random::{Stream, generator};

use crate::common::{assert_predicts_as_tested, called, json, taper};

/// The made task has a linear law with an error of 0.01 left, as `standard` and Ridge come to; with a clip
/// and no path around it 0.19 was left.
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

/// Where only the order counts, y is a power of ten or not, and outliers are as near as all else.
#[test]
fn numbers_are_scaled_by_their_quantiles() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, run) = (path("rows.csv"), path("run"));
    let mut rng = generator(8, Stream::Data, 0);
    let mut text = "a,b,t,y\n".to_owned();
    for i in 0..240 {
        let place: f64 = rng.random_range(-1. ..1.);
        let a = 10f64.powf(6. * place);
        let a = if i % 40 == 7 { String::new() } else { a.to_string() };
        writeln!(text, "{a},{},{},{}", i % 2, ["x", "z"][i % 3 / 2], (3. * place).cos() + (i % 2) as f64)
            .unwrap();
    }
    fs::write(&data, text).unwrap();
    let of_data = ["--data", &data, "--target", "y", "--epochs", "60", "--members", "1", "--bins", "0"];
    let of_data = [&of_data[..], &["--missing", "median"]].concat();
    let r2 = |scale: &str| {
        let flags = ["cv", "--json", "--validation", "0", "--select", "last", "--scale", scale];
        json(&taper(&[&flags, &of_data[..]].concat()))["pooled"]["r2"].as_f64().unwrap()
    };
    let [quantile, standard] = ["quantile", "standard"].map(r2);
    println!("r2 {quantile} by quantiles, {standard} by mean and deviation");
    assert!(quantile > 0.85 && standard < 0.7);

    let train = ["train", "--json", "--holdout", "0.3", "--out", &run, "--scale", "quantile"];
    json(&taper(&[&train, &of_data[..]].concat()));
    let model = path("run/model.safetensors");
    assert_predicts_as_tested(&run, &data, 72);
    assert_eq!(json(&taper(&["inspect", "--json", &model]))["format"], 6);
    let (_, table, _) = called(&["inspect", &model]);
    assert!(table.contains("number, by quantiles"), "{table}");
    let (code, _, error) = called(&["export", &model, "--onnx", &path("a.onnx")]);
    assert!(code == Some(1) && error.contains("scales numbers by their quantiles"), "{error}");
}

/// A straight line goes on beyond the training targets, but with a clamp ends with them.
#[test]
fn predictions_have_limits() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, run) = (path("rows.csv"), path("run"));
    let rows: Vec<String> = (0..101).map(|i| format!("{i},{i}\n")).collect();
    fs::write(&data, format!("x,y\n{}", rows.concat())).unwrap();
    let beyond = path("beyond.csv");
    fs::write(&beyond, "x\n-500\n50\n600\n").unwrap();
    for (more, are_limited) in
        [(&[][..], false), (&["--clamp"], true), (&["--clamp", "--target-transform", "yeo-johnson"], true)]
    {
        let _ = fs::remove_dir_all(&run);
        let train = ["train", "--json", "--out", &run, "--data", &data, "--target", "y", "--members", "2"];
        json(&taper(&[&train, more].concat()));
        let output = taper(&["predict", "-q", "--model", &path("run/model.safetensors"), "--data", &beyond]);
        let text = String::from_utf8(output.stdout).unwrap();
        let y: Vec<f64> = text.lines().skip(1).map(|line| line.parse().unwrap()).collect();
        println!("{more:?}: {y:?}");
        assert!((y[1] - 50.).abs() < 5.);
        assert_eq!(y[0] == 0. && y[2] == 100., are_limited);
        assert!(are_limited || (y[0] < -5. && y[2] > 105.));
        let format = json(&taper(&["inspect", "--json", &path("run/model.safetensors")]))["format"].clone();
        assert_eq!(format == 6, are_limited);
    }
    let (code, _, error) = called(&["cv", "-q", "--clamp"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("--clamp is true, which is for targets that are scaled"), "{error}");
}
