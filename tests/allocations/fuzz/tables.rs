//! Files of data.

use std::fs;
use std::path::Path;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use taper::config::{
    Categories, DateFormat, Dates, Decimal, Dialect, FileConfig, FloatType, Mark, Missing, MissingTarget,
};
use taper::data::{Column, RowOptions, RowReader, Table, Unknown, read, read_relative};
use tempfile::tempdir;

use super::fuzz;
use super::mutate::mutate;

/// Files as programs write them.
const TEXTS: &[&str] = &[
    "a,town,y\n1,Ulm,2\n2.5,Bonn,3\n-3e8,Ulm,4\n",
    "a;town;y\n1,5;Ulm;2,25\n1.234,5;\"Bonn; am Rhein\";3\n",
    "\u{feff}\"a\"\t\"town\"\ty\r\n1\tUlm\t2\r\n\t\"B\"\"o\"\t3\r\n",
    "sep=|\na|town|y\n1|Ulm|2\n?|NA|3\n",
    "# made by hand\n# twice\na,town,y\n1,Ulm,2\n2,Ulm,3\n",
    ",a,town,y\n0,1,2024-01-31,2\n1,2,2024-02-01,3\n2,3,12:30,5\n",
    "1,2,3\n4,5,6\n7,8,10\n",
    "a,town,y\nmm,name,EUR\n1,Ulm,2\ntotal,,5\n",
    "a,town,y\n\"1\n2\",\"two\nlines\",2\n3,x,4\n",
    "a,town,y,y,a\n1,2,3,4,5\n",
];
const WORDS: &[&str] = &[
    ",", ";", "\t", "|", "\n", "\r\n", "\"", "\"\"", "#", "NA", "?", "inf", "-", "1,5", "1.234,5", "1e999",
    "\u{feff}", "sep=;\n", "\0", "ä", "town", "y",
];

fn maybe<T>(rng: &mut ChaCha8Rng, values: &[T]) -> Option<T>
where
    T: Clone,
{
    values.choose(rng).cloned().filter(|_| rng.random_bool(0.1))
}

fn dialect(rng: &mut ChaCha8Rng) -> Dialect {
    let mark = |text: &str| text.parse::<Mark>().unwrap();
    Dialect {
        delimiter: maybe(rng, &[",", ";", "tab", "|", "space"]).map(mark),
        decimal: maybe(rng, &[Decimal::Point, Decimal::Comma]).unwrap_or_default(),
        no_header: rng.random_bool(0.2),
        skip_rows: maybe(rng, &[1, 2, 5, usize::MAX]).unwrap_or_default(),
        comment: maybe(rng, &["#", "!", ","]).map(mark),
        encoding: maybe(rng, &["utf-16le", "windows-1252", "shift_jis", "gb18030"])
            .map(|name| name.parse().unwrap()),
    }
}

fn columns(rng: &mut ChaCha8Rng) -> Vec<String> {
    maybe(rng, &["a", "town", "y", "column_1", "unnamed_1", "no"]).into_iter().map(str::to_owned).collect()
}

fn config(rng: &mut ChaCha8Rng, file: &Path) -> FileConfig {
    FileConfig {
        file: file.to_owned(),
        target: vec![if rng.random_bool(0.9) { "y" } else { "column_3" }.to_owned()],
        features: columns(rng),
        drop: columns(rng),
        missing: maybe(rng, &[Missing::Drop, Missing::Mean, Missing::Median]).unwrap_or_default(),
        missing_indicator: rng.random(),
        group: columns(rng).pop(),
        order: columns(rng).pop(),
        missing_target: maybe(rng, &[MissingTarget::Drop]).unwrap_or_default(),
        na: columns(rng),
        text: columns(rng),
        number: columns(rng),
        categories: maybe(rng, &[Categories::OneHot, Categories::Target]).unwrap_or_default(),
        dates: maybe(rng, &[Dates::Expand, Dates::Drop]).unwrap_or_default(),
        dialect: dialect(rng),
        date_format: maybe(rng, &[DateFormat::Auto, DateFormat::MonthFirst]).unwrap_or_default(),
    }
}

/// Reads the file of `config` in one of the ways there are, and looks at the table.
fn is_read(rng: &mut ChaCha8Rng, config: &FileConfig) -> bool {
    let dtype = [FloatType::F32, FloatType::F64][rng.random_range(0..2)];
    let table = if rng.random() { read(config, dtype) } else { read_relative(config, dtype) };
    table.inspect(check).is_ok()
}

/// What holds for every table.
fn check(table: &Table) {
    let data = &table.data;
    assert!(data.rows() > 0 && data.features() > 0 && data.targets() > 0);
    assert_eq!(table.features.iter().map(Column::width).sum::<usize>(), data.features());
    let targets: Vec<f64> = data.y().flatten_all().unwrap().to_vec1().unwrap();
    assert!(targets.iter().all(|target| target.is_finite()));
    let summary = table.summary().unwrap();
    assert_eq!((summary.rows, summary.to_string().lines().count()), (data.rows(), 1));
}

/// Reads `file` for a model of the columns a and town, in blocks.
fn is_read_for_model(rng: &mut ChaCha8Rng, file: &Path, columns: &[Column]) -> bool {
    let options = RowOptions {
        targets: self::columns(rng),
        allow_missing_target: rng.random_bool(0.5),
        allow_missing: rng.random(),
        unknown: maybe(rng, &[Unknown::Zeros, Unknown::Missing]).unwrap_or_default(),
        na: self::columns(rng),
        dialect: dialect(rng),
        keep: self::columns(rng),
    };
    let Ok(mut rows) = RowReader::open(file, columns, FloatType::F32, options) else { return false };
    rows.unused();
    loop {
        match rows.next_block(rng.random_range(1..4)) {
            Ok(Some(block)) => {
                assert_eq!(block.x.dims()[1], columns.iter().map(Column::width).sum::<usize>());
            }
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

fn column(name: &str, categories: &[&str]) -> Column {
    let categories = categories.iter().map(|&category| category.to_owned()).collect();
    Column { name: name.to_owned(), categories, ..Column::default() }
}

#[test]
fn text() {
    let folder = tempdir().unwrap();
    let learnt = [column("town", &["Bonn", "Ulm"]), column("a", &[])];
    fuzz(300, move |_, rng| {
        let mut bytes = TEXTS.choose(rng).unwrap().as_bytes().to_vec();
        mutate(rng, &mut bytes, WORDS);
        let file = folder.path().join(["a.csv", "a.txt", "a.tsv"].choose(rng).unwrap());
        fs::write(&file, bytes).unwrap();
        let config = config(rng, &file);
        let is_read = is_read(rng, &config);
        is_read_for_model(rng, &file, &learnt) || is_read
    });
}

/// Sizes of an array, by default `usual`.
fn sizes(rng: &mut ChaCha8Rng, usual: &[u64]) -> Vec<u64> {
    let size = |rng: &mut ChaCha8Rng| {
        *[0, 1, 2, 3, 6, 1000, 1 << 32, 1 << 40, 1 << 62, u64::MAX].choose(rng).unwrap()
    };
    match rng.random_range(0..8) {
        0 => (0..rng.random_range(0..4)).map(|_| size(rng)).collect(),
        1 | 2 => usual.iter().map(|_| size(rng)).collect(),
        _ => usual.to_vec(),
    }
}

/// How many bytes the elements of an array take, where they are few.
fn bytes_of(shape: &[u64], size: u64) -> Option<u64> {
    shape.iter().try_fold(size, |len, size| len.checked_mul(*size)).filter(|len| *len < 200)
}

/// Elements, whatever their type is.
fn elements(rng: &mut ChaCha8Rng, len: u64) -> Vec<u8> {
    let numbers = [1f32, 2., 3., -4., 5., 6., 7., 8., 9., 0.5].map(f32::to_le_bytes);
    let missing = rng.random_bool(0.1).then_some(f32::NAN.to_le_bytes());
    missing.iter().chain(numbers.iter().cycle()).flatten().copied().take(len as usize).collect()
}

fn npy(rng: &mut ChaCha8Rng, usual: &[u64]) -> Vec<u8> {
    let kinds = [
        ("<f4", 4),
        ("<f8", 8),
        ("<f2", 2),
        ("|i1", 1),
        ("|b1", 1),
        ("<u8", 8),
        ("<i4", 4),
        (">f4", 4),
        ("|O", 8),
    ];
    let (kind, size) = kinds.choose(rng).unwrap();
    let order = if rng.random() { "True" } else { "False" };
    let sizes = sizes(rng, usual);
    let shape = sizes.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let header = format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': ({shape},), }}\n");
    let len = bytes_of(&sizes, *size).unwrap_or_default();
    let start = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", start.as_slice(), header.as_bytes(), &elements(rng, len)].concat()
}

#[test]
fn arrays() {
    let folder = tempdir().unwrap();
    let words = ["(", ")", ",", "'", "True", "shape", "<f8", "{", "}"];
    let learnt = ["a", "b", "c"].map(|name| column(name, &[]));
    fuzz(300, move |_, rng| {
        let files = [folder.path().join("x.npy"), folder.path().join("y.npy")];
        for (file, usual) in files.iter().zip([[4, 3].as_slice(), &[4]]) {
            let mut bytes = npy(rng, usual);
            if rng.random_bool(0.3) {
                mutate(rng, &mut bytes, &words);
            }
            fs::write(file, bytes).unwrap();
        }
        let missing = maybe(rng, &[Missing::Drop, Missing::Mean]).unwrap_or_default();
        let target = vec![files[1].display().to_string()];
        let config = FileConfig { file: files[0].clone(), target, missing, ..FileConfig::default() };
        let is_read = is_read(rng, &config);
        is_read_for_model(rng, &files[0], &learnt) || is_read
    });
}

fn safetensors(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let (mut tensors, mut at) = (Vec::new(), 0);
    for name in ["X", "y", "z"] {
        let (kind, size) =
            [("F32", 4), ("F64", 8), ("BF16", 2), ("I8", 1), ("F8_E4M3", 1)].choose(rng).unwrap();
        let shape = sizes(rng, if name == "X" { &[4, 3] } else { &[4] });
        let end = at + bytes_of(&shape, *size).unwrap_or_default();
        tensors
            .push(format!(r#""{name}":{{"dtype":"{kind}","shape":{shape:?},"data_offsets":[{at},{end}]}}"#));
        at = end;
    }
    let header = format!("{{{}}}", tensors.join(","));
    [(header.len() as u64).to_le_bytes().as_slice(), header.as_bytes(), &elements(rng, at)].concat()
}

#[test]
fn tensors() {
    let folder = tempdir().unwrap();
    let words = ["[", "]", ",", "\"X\"", "\"y\"", "F32", "F64", "shape", "{", "}", "data_offsets"];
    let learnt = ["a", "b", "c"].map(|name| column(name, &[]));
    fuzz(300, move |_, rng| {
        let file = folder.path().join("x.safetensors");
        let mut bytes = safetensors(rng);
        if rng.random_bool(0.5) {
            mutate(rng, &mut bytes, &words);
        }
        fs::write(&file, bytes).unwrap();
        let target = maybe(rng, &["z", "X"]).into_iter().map(str::to_owned).collect();
        let config = FileConfig { file: file.clone(), target, ..FileConfig::default() };
        let is_read = is_read(rng, &config);
        is_read_for_model(rng, &file, &learnt) || is_read
    });
}
