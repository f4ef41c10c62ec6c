//! Files are predicted block by block, whatever the order of their columns.

use std::fs;
use std::process::Command;
use std::thread;

use candle_core::{DType, Device, Tensor};
use taper::Model;
use taper::data::Unknown;
use taper::model::{Counts, MissingRows, Outputs, PredictOptions, Schema};

use super::{column, file, model, owned, towns};
use crate::compare::values;

/// The text of all predictions of the file `name` of `text`, and what was met.
fn predict_file(
    model: &Model,
    name: &str,
    text: impl AsRef<[u8]>,
    options: &PredictOptions,
) -> (String, Counts) {
    let path = file(name, text);
    let mut predictions = model.predict_file(&path, options).unwrap();
    let mut bytes = Vec::new();
    while let Some(block) = predictions.next_block().unwrap() {
        bytes.extend(block);
    }
    (String::from_utf8(bytes).unwrap(), predictions.counts())
}

/// The numbers below the header.
fn numbers(csv: &str) -> Vec<f64> {
    csv.lines().skip(1).flat_map(|line| line.split(',')).map(|field| field.parse().unwrap()).collect()
}

fn tensor(rows: &[[f32; 5]]) -> Tensor {
    Tensor::from_slice(rows.as_flattened(), (rows.len(), 5), &Device::Cpu).unwrap()
}

const ROWS: [[f32; 5]; 3] = [[31.5, 0., 1., 0., 70.], [64., 1., 0., 0., 110.25], [22., 0., 0., 1., 45.5]];
const TEXT: &str = "age,town,size\n31.5,Köln,70\n64,Bonn,110.25\n22,Ulm,45.5\n";

#[test]
fn columns_are_found_by_name() {
    let model = model(towns(DType::F32));
    let expected = values(&model.predict(&tensor(&ROWS)).unwrap());
    let options = PredictOptions::default();
    for (i, text) in [
        TEXT,
        "size,town,age\n70,Köln,31.5\n110.25,Bonn,64\n45.5,Ulm,22\n",
        "\u{feff}id;size;price;town;rent;age\r\n1;70;;Köln;NA;31.5\r\n2;\"110.25\";x; Bonn ;y;64\r\n\r\n3;45.5;1;Ulm;2;22",
        "town\tage\tsize\nKöln\t31.5\t7e1\nBonn\t64\t110.25\n\"Ulm\"\t22\t45.5\n",
    ]
    .into_iter()
    .enumerate()
    {
        let (csv, counts) = predict_file(&model, &format!("order_{i}.txt"), text, &options);
        assert!(csv.starts_with("prediction:price,prediction:rent\n"), "{csv}");
        assert_eq!(numbers(&csv), expected, "{text}");
        assert_eq!(counts, Counts { rows: 3, ..Counts::default() });
    }
    let (csv, counts) = predict_file(&model, "no_rows.csv", "age,town,size\n", &options);
    assert_eq!((csv.as_str(), counts.rows), ("prediction:price,prediction:rent\n", 0));
}

#[test]
fn depths_and_columns_are_chosen() {
    let model = model(towns(DType::F32));
    let all = model.predict_all_depths(&tensor(&ROWS)).unwrap();
    let text = "id,town,age,size\n\"a,b\",Köln,31.5,70\n x,Bonn,64,110.25\n,Ulm,22,45.5\n";
    let options =
        |outputs, keep: &[&str]| PredictOptions { outputs, keep: owned(keep), ..PredictOptions::default() };

    let (csv, _) = predict_file(&model, "depths.csv", text, &options(Outputs::Depth(2), &[]));
    assert!(csv.starts_with("depth_2:price,depth_2:rent\n"), "{csv}");
    assert_eq!(numbers(&csv), values(&all.by_depth.narrow(1, 1, 1).unwrap()));

    let (csv, _) = predict_file(&model, "depths.csv", text, &options(Outputs::All, &[]));
    let header = "prediction:price,prediction:rent,depth_1:price,depth_1:rent,depth_2:price,depth_2:rent,\
                  depth_3:price,depth_3:rent\n";
    assert!(csv.starts_with(header), "{csv}");
    let by_depth = all.by_depth.flatten_from(1).unwrap();
    assert_eq!(numbers(&csv), values(&Tensor::cat(&[all.mean.clone(), by_depth], 1).unwrap()));

    // What is kept is as in the file, and quoted where that must be.
    let (csv, _) = predict_file(&model, "depths.csv", text, &options(Outputs::Mean, &["town", "id"]));
    let starts: Vec<_> = csv.lines().collect();
    assert_eq!(starts[0], "town,id,prediction:price,prediction:rent");
    assert!(starts[1].starts_with("Köln,\"a,b\",") && starts[2].starts_with("Bonn, x,"), "{csv}");
    assert!(starts[3].starts_with("Ulm,,"), "{csv}");

    let one = super::model(Schema::unnamed(1, 1));
    let (csv, _) = predict_file(&one, "one.csv", "x0\n1\n", &options(Outputs::All, &[]));
    assert!(csv.starts_with("prediction,depth_1,depth_2,depth_3\n"), "{csv}");
}

/// More rows than a block has, and numbers that read back as the same.
#[test]
fn blocks_do_not_change_a_bit() {
    let model = model(Schema::unnamed(3, 1));
    let x = Tensor::randn(0f32, 1e3, (10_000, 3), &Device::Cpu).unwrap();
    let rows: Vec<Vec<f32>> = x.to_vec2().unwrap();
    let lines: Vec<_> = rows.iter().map(|row| format!("{:?},{},{:e}\n", row[2], row[0], row[1])).collect();
    let text = format!("x2,x0,x1\n{}", lines.concat());
    let (csv, counts) = predict_file(&model, "blocks.csv", text, &PredictOptions::default());
    assert_eq!(numbers(&csv), values(&model.predict(&x).unwrap()));
    assert_eq!(counts.rows, 10_000);
}

/// A .npy file of the rows of `ROWS` without their towns.
fn npy(is_fortran: bool, rows: &[[f32; 2]]) -> Vec<u8> {
    let order = if is_fortran { "True" } else { "False" };
    let header = format!("{{'descr': '<f4', 'fortran_order': {order}, 'shape': ({}, 2), }}\n", rows.len());
    let columns: Vec<f32> = (0..2).flat_map(|i| rows.iter().map(move |row| row[i])).collect();
    let elements = if is_fortran { columns } else { rows.as_flattened().to_vec() };
    let elements: Vec<u8> = elements.iter().flat_map(|value| value.to_le_bytes()).collect();
    [b"\x93NUMPY\x01\x00", (header.len() as u16).to_le_bytes().as_slice(), header.as_bytes(), &elements]
        .concat()
}

#[test]
fn arrays_of_either_order_are_predicted() {
    let schema = Schema { features: vec![column("age", &[]), column("size", &[])], ..Schema::unnamed(2, 1) };
    let model = model(schema);
    let rows: Vec<[f32; 2]> = (0..9001u16).map(|i| [f32::from(i), 1. / f32::from(i + 1)]).collect();
    let x = Tensor::from_slice(rows.as_flattened(), (rows.len(), 2), &Device::Cpu).unwrap();
    let expected = values(&model.predict(&x).unwrap());
    let options = PredictOptions::default();
    for is_fortran in [false, true] {
        let (csv, _) = predict_file(&model, "x.npy", npy(is_fortran, &rows), &options);
        assert_eq!(numbers(&csv), expected, "fortran: {is_fortran}");
    }
    let y = Tensor::zeros(4, DType::I64, &Device::Cpu).unwrap();
    let bytes = safetensors::serialize([("X", &x), ("id", &y)], None).unwrap();
    let path = file("x.safetensors", bytes);
    let mut predictions = model.predict_file(&path, &options).unwrap();
    assert_eq!((predictions.unused(), predictions.goes_by_order()), (vec!["id"], true));
    assert!(predictions.next_block().unwrap().unwrap().starts_with(b"prediction\n"));
    let named = super::model(Schema::unnamed(2, 1));
    assert!(!named.predict_file(&path, &options).unwrap().goes_by_order());
}

#[test]
fn missing_values_are_filled_or_leave_their_row_empty() {
    let model = model(towns(DType::F32));
    let text = "age,town,size\n31.5,?,70\n64,Bonn,110.25\nNA,Ulm,45.5\n";
    let nan = f32::NAN;
    let x = tensor(&[[31.5, nan, nan, nan, 70.], ROWS[1], [nan, 0., 0., 1., 45.5]]);
    let filling = model.clone().filling_missing().unwrap();
    let expected = values(&filling.predict(&x).unwrap());
    assert!(expected.iter().all(|value| value.is_finite()));
    let third = 1. / 3.;
    let by_hand = tensor(&[[31.5, third, third, third, 70.], ROWS[1], [117.5 / 3., 0., 0., 1., 45.5]]);
    for (value, by_hand) in expected.iter().zip(values(&model.predict(&by_hand).unwrap())) {
        assert!((value - by_hand).abs() <= 1e-3, "{value}, by hand {by_hand}");
    }

    let with = |missing| PredictOptions { missing, ..PredictOptions::default() };
    let (csv, counts) = predict_file(&model, "missing.csv", text, &with(MissingRows::Mean));
    assert_eq!((numbers(&csv), counts), (expected.clone(), Counts { rows: 3, ..Counts::default() }));
    let (csv, _) = predict_file(&filling, "missing.csv", text, &with(MissingRows::Trained));
    assert_eq!(numbers(&csv), expected);
    let (csv, counts) = predict_file(&model, "missing.csv", text, &with(MissingRows::Empty));
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!((lines[1], lines[3], counts.empty, counts.not_finite), (",", ",", 2, 0));
    assert_eq!(lines[2], format!("{:?},{:?}", expected[2], expected[3]));

    let path = file("missing.csv", text);
    let error = model.predict(&x).unwrap_err().to_string();
    assert!(error.contains("Model: x[0, 1], town=Bonn, is NaN, a missing value"), "{error}");
    let error = model.read(&path).unwrap_err().to_string();
    assert!(error.contains(":2:town: '?' is a missing value"), "{error}");
    assert_eq!(values(&filling.predict(&filling.read(&path).unwrap()).unwrap()), expected);
    // The means are not known, but empty rows can be.
    let unscaled = super::model(Schema { feature_scaling: None, ..towns(DType::F32) });
    let error = unscaled.clone().filling_missing().unwrap_err().to_string();
    assert!(error.contains("missing is mean, but the model does not know the means"), "{error}");
    let (csv, _) = predict_file(&unscaled, "missing.csv", text, &with(MissingRows::Empty));
    assert_eq!(csv.lines().nth(1), Some(","));
}

#[test]
fn texts_that_were_not_in_the_training_are_what_was_asked_for() {
    let model = model(towns(DType::F32));
    let text = "age,town,size\n31.5,Rom,70\n64,Bonn,110.25\n22,ulm,45.5\n";
    let with = |unknown, missing| PredictOptions { unknown, missing, ..PredictOptions::default() };

    let zeros = tensor(&[[31.5, 0., 0., 0., 70.], ROWS[1], [22., 0., 0., 0., 45.5]]);
    let expected = values(&model.predict(&zeros).unwrap());
    let (csv, counts) =
        predict_file(&model, "unknown.csv", text, &with(Unknown::Zeros, MissingRows::Trained));
    assert_eq!((numbers(&csv), counts.unknown), (expected, 2));

    let nan = f32::NAN;
    let missing = tensor(&[[31.5, nan, nan, nan, 70.], ROWS[1], [22., nan, nan, nan, 45.5]]);
    let expected = values(&model.clone().filling_missing().unwrap().predict(&missing).unwrap());
    let (csv, counts) = predict_file(&model, "unknown.csv", text, &with(Unknown::Missing, MissingRows::Mean));
    assert_eq!((numbers(&csv), counts.unknown), (expected, 2));
    let (csv, counts) =
        predict_file(&model, "unknown.csv", text, &with(Unknown::Missing, MissingRows::Empty));
    assert_eq!((csv.lines().nth(1), counts.empty), (Some(","), 2));
}

#[test]
fn predictions_that_are_not_finite_are_counted() {
    let model = model(Schema::unnamed(1, 1));
    let (csv, counts) = predict_file(&model, "far.csv", "x0\n1\n3e38\n", &PredictOptions::default());
    println!("{csv}");
    assert_eq!(counts.rows, 2);
    assert_eq!(counts.not_finite, numbers(&csv).iter().filter(|value| !value.is_finite()).count());
}

#[test]
fn tensors_that_do_not_fit_are_refused() {
    let model = model(Schema::unnamed(2, 1));
    let message = |x: Tensor| crate::error::first_line(&model.predict(&x).unwrap_err());
    let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu).unwrap();
    assert_eq!(
        message(zeros(&[3, 5], DType::F32)),
        "Model: x is F32 [3, 5] on Cpu, expected F32 or F64 [n, 2] on the CPU"
    );
    assert!(message(zeros(&[3, 2], DType::U32)).contains("x is U32 [3, 2]"));
    assert!(message(zeros(&[2], DType::F32)).contains("x is F32 [2]"));
    assert_eq!(model.predict(&zeros(&[0, 2], DType::F32)).unwrap().dims(), [0, 1]);
    let infinite = Tensor::new(&[[f32::INFINITY, f32::NEG_INFINITY]], &Device::Cpu).unwrap();
    assert!(model.predict(&infinite).is_ok());
}

/// Rows can come from a program that makes them, through a named pipe, and errors still name their line.
#[cfg(unix)]
#[test]
fn rows_are_read_from_a_pipe() {
    let model = model(Schema::unnamed(2, 1));
    let pipe = super::folder().join("pipe.csv");
    let _ = fs::remove_file(&pipe);
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let options = PredictOptions::default();
    let predict = |text: &'static str| {
        let writer = thread::spawn({
            let pipe = pipe.clone();
            move || fs::write(pipe, text)
        });
        let mut predictions = model.predict_file(&pipe, &options).unwrap();
        let block = predictions.next_block().map(|_| predictions.counts().rows);
        writer.join().unwrap().unwrap();
        block
    };
    assert_eq!(predict("x0,x1\n1,2\n3,4\n").unwrap(), 2);
    let error = predict("x0,x1\n1,2\n3,a\n").unwrap_err().to_string();
    assert!(error.contains("pipe.csv:3:x1: 'a' is not a number"), "{error}");
    fs::remove_file(pipe).unwrap();
}

/// The size of an array has to be known before it is read.
#[cfg(unix)]
#[test]
fn arrays_are_not_read_from_a_pipe() {
    let model = model(Schema::unnamed(2, 1));
    for name in ["pipe.npy", "pipe.safetensors"] {
        let pipe = super::folder().join(name);
        let _ = fs::remove_file(&pipe);
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let error = model.predict_file(&pipe, &PredictOptions::default()).err().unwrap().to_string();
        assert!(error.contains("a pipe or a device, expected a file"), "{error}");
        fs::remove_file(pipe).unwrap();
    }
}
