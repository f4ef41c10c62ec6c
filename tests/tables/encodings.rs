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

/// What is no text in its encoding is refused, and not read as something else.
#[test]
fn bytes_that_are_no_text_are_refused() {
    for (encoding, bad) in
        [("utf-8", &b"M\xfcller"[..]), ("shift_jis", b"M\x80\xfdller"), ("gb18030", b"M\xff")]
    {
        let bytes = [b"name,y\nMeyer,1\n", bad, b",2\n"].concat();
        let config = config(file("bad_bytes.csv", &bytes), &format!("target=y encoding={encoding}"));
        let error = read(&config, FloatType::F32).unwrap_err().to_string();
        assert!(error.contains("bad_bytes.csv:3:name: "), "{encoding}: {error}");
    }
}

/// Comments are no rows: lines are counted with them, and quotes in them close nothing.
#[test]
fn comments_do_not_disturb() {
    let mut settings = config(
        file("comments.csv", b"a,y\n# it's \"\n1,2\n\n# two\n# three\n\"3\n\",4\nx,5\n# \"end\n"),
        "target=y number=a",
    );
    settings.dialect.comment = Some("#".parse().unwrap());
    let error = read(&settings, FloatType::F32).unwrap_err().to_string();
    assert!(error.contains("comments.csv:9:a: 'x' is not a number"), "{error}");
    settings.file = file("good_comments.csv", b"a,y\n1,2\n# \"\n\"3\n\",4\n# \"end\n");
    assert_eq!(read(&settings, FloatType::F32).unwrap().data.rows(), 2);
    settings.file = file("spaced_comments.txt", b"# made  by \"hand\na   y\n# more  \"\n1   2.5\n30  4\n");
    let table = read(&settings, FloatType::F32).unwrap();
    assert_eq!(table.data.x().to_vec2::<f32>().unwrap(), [[1.], [30.]]);
}

/// However long the lines before the header are.
#[test]
fn many_lines_are_skipped() {
    let long = "x".repeat(300_000) + "\n";
    let many = "k 1,2,3\n".repeat(100_000);
    let mut settings =
        config(file("many_skipped.csv", format!("{long}{many}a,y\n1,2\n3,x\n").as_bytes()), "target=y");
    settings.dialect.skip_rows = 100_001;
    let error = read(&settings, FloatType::F32).unwrap_err().to_string();
    assert!(error.contains("many_skipped.csv:100004:y: 'x' is not a number"), "{error}");
}

/// Numbers of one column do not tell how those of another are written, or a word is said of it.
#[test]
fn decimal_commas_of_other_columns_are_told() {
    let text = b"price;id;y\n1.111;12,5;1\n2.222;13,5;2\n";
    let table = read(&config(file("points.csv", text), "target=y drop=id"), FloatType::F64).unwrap();
    assert_eq!(table.data.x().to_vec2::<f64>().unwrap(), [[1.111], [2.222]]);
    let table = read(&config(file("points.csv", text), "target=y"), FloatType::F64).unwrap();
    assert_eq!(table.data.x().to_vec2::<f64>().unwrap()[0], [1111., 12.5]);
    let expected = "column 'price' has numbers such as '1.111', which is read as 1111, since numbers of other columns have \
                    decimal commas; `data.decimal=point` reads points before decimals";
    assert_eq!(table.notes, [expected]);
}
