//! Text in other encodings, packed, and separated by spaces.

use std::io::Write;

use taper::config::FloatType;
use taper::data::read;

use crate::{config, file};

/// The features and the targets of a text file with the content `bytes`.
fn rows(name: &str, bytes: &[u8], settings: &str) -> (Vec<Vec<f32>>, Vec<Vec<f64>>) {
    let table = read(&config(file(name, bytes), settings), FloatType::F32).unwrap();
    (table.data.x().to_vec2().unwrap(), table.data.y().to_vec2().unwrap())
}

#[test]
fn text_is_read_in_its_encoding_and_unpacked() {
    let text = "größe;ort;y\n1,5;Köln;2\n2,5;Ulm;3\n";
    let expected = (vec![vec![1.5, 1., 0.], vec![2.5, 0., 1.]], vec![vec![2.], vec![3.]]);
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin: Vec<u8> = text.chars().map(|letter| letter as u8).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    let zstd =
        ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    for (name, bytes, settings) in [
        ("mark.csv", [b"\xff\xfe", &utf16[..]].concat(), "target=y"),
        ("bare.csv", utf16, "target=y encoding=utf-16le"),
        ("latin.csv", latin, "target=y encoding=windows-1252"),
        ("packed.csv.gz", gzip.finish().unwrap(), "target=y"),
        ("packed.csv.zst", zstd.clone(), "target=y"),
        ("no_ending", zstd, "target=y"),
        ("other.dat", text.as_bytes().to_vec(), "target=y"),
    ] {
        assert_eq!(rows(name, &bytes, settings), expected, "{name}");
    }
}

/// Packed or not, the place in the text is told.
#[test]
fn errors_in_packed_text_have_their_lines() {
    let text = "a,b,y\r\n1,2,3\r\n\r\n1,\"2\n\",3\r\n1,x,3\r\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    for (name, bytes) in [("line.csv", text.as_bytes().to_vec()), ("line.csv.gz", gzip.finish().unwrap())] {
        let path = file(name, &bytes);
        let error = read(&config(path.clone(), "target=y number=b"), FloatType::F32).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{}:6:b: 'x' is not a number, as `data.number` says of the column", path.display())
        );
    }
}

#[test]
fn spaces_separate_fields() {
    let expected = (vec![vec![1., 2.5], vec![10., 3.]], vec![vec![3.], vec![4.]]);
    for (text, settings) in [
        ("a   b  y\n1   2.5  3\n10  3  4\n", "target=y"),
        ("  a b\ty\n  1 2.5\t3\n 10   3 4  \n", "target=y delimiter=space"),
        ("a b y\n1 2.5 3\n10   3    4\n", "target=y delimiter=space"),
    ] {
        assert_eq!(rows("spaces.txt", text.as_bytes(), settings), expected, "{text}");
    }
}
