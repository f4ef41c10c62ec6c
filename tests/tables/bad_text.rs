//! What is wrong in text files, and the message it gets.

use std::fs;
use std::path::PathBuf;

use taper::config::FloatType;
use taper::data::read;

use crate::{config, file, message, read_csv};

/// Asserts that each text, read with its flags, gets its message.
fn assert_messages(name: &str, cases: &[(&str, &str, &str)]) {
    for (i, (text, flags, expected)) in cases.iter().enumerate() {
        assert_eq!(&message(&format!("{name}_{i}.csv"), text.as_bytes(), flags, FloatType::F32), expected);
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn bad_headers_and_choices_get_a_message_that_says_where() {
    let long_name = format!("{},y\n1,2\n", "a".repeat(10_000));
    let longer_name = format!("a,{}\n1,2\n", "ä".repeat(5001));
    assert_messages(
        "header",
        &[
            // The header.
            ("", "target=y", "FILE: is empty, expected a header with the names of the columns, and rows"),
            ("\n\n", "target=y", "FILE: is empty, expected a header with the names of the columns, and rows"),
            (
                "   \n",
                "target=y",
                "FILE:1: the header has one column, 'unnamed_1', expected a target and features, separated by commas, semicolons, tabs, bars or spaces; `data.delimiter` says what else is between them, `data.skip_rows` how many lines are before the header",
            ),
            (
                "a/y\n1/2\n",
                "target=y",
                "FILE:1: the header has one column, 'a/y', expected a target and features, separated by \
                 commas, semicolons, tabs, bars or spaces; `data.delimiter` says what else is between them, `data.skip_rows` how many lines are before the header",
            ),
            (
                "y\n1\n2\n",
                "target=y",
                "FILE:1: the header has one column, 'y', expected a target and features, separated by \
                 commas, semicolons, tabs, bars or spaces; `data.delimiter` says what else is between them, `data.skip_rows` how many lines are before the header",
            ),
            (
                "a\0,y\0\n1,2\n",
                "target=y",
                "FILE:1: has zero bytes, as UTF-16 and binary files have, expected text in UTF-8; `data.encoding=utf-16le` reads UTF-16 without a mark",
            ),
            ("a,y\n", "target=y", "FILE: has no rows, expected at least one"),
            ("a,y", "target=y", "FILE: has no rows, expected at least one"),
            (
                "a,b,a,y\n1,2,3,4\n",
                "target=y",
                "FILE:1:a: the header has this name in columns 1 and 3, expected each name once",
            ),
            (
                "a,a ,y\n1,2,3\n",
                "target=y",
                "FILE:1:a: the header has this name in columns 1 and 2, expected each name once",
            ),
            (
                "1,2,3\n4,5,6\n",
                "target=y",
                "FILE:1: begins with numbers, '1,2,3', expected a header with the names of the columns; `data.no_header` reads it as a row and calls the \
                 columns column_1, column_2 and so on",
            ),
            // The choice of columns.
            ("a,b,y\n1,2,3\n", "", "data.target is missing, expected a column of FILE: a, b, y"),
            (
                "a,b,price\n1,2,3\n",
                "target=prize",
                "data.target is 'prize', which FILE does not have; did you mean 'price'?",
            ),
            (
                "größe,价格,y\n1,2,3\n",
                "target=grösse",
                "data.target is 'grösse', which FILE does not have; did you mean 'größe'?",
            ),
            (
                "\"a\nb\",\x1b[31m,y\n1,2,3\n",
                "target=weight",
                "data.target is 'weight', which FILE does not have; expected one of \"a\\nb\", \\u{1b}[31m, y",
            ),
            (
                long_name.as_str(),
                "target=weight",
                "data.target is 'weight', which FILE does not have; expected one of aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..., y",
            ),
            (
                longer_name.as_str(),
                "target=y",
                "FILE:1: the name of column 2 has 10002 bytes, 'ääääääääääääääääääääääääääääääääääääääää...', expected at most 10000",
            ),
            ("a,b,Y\n1,2,3\n", "target=y", "data.target is 'y', which FILE does not have; did you mean 'Y'?"),
            (
                "a,b,c,d,e,f,g,h,i,j,k,l\n1,2,3,4,5,6,7,8,9,10,11,12\n",
                "target=weight",
                "data.target is 'weight', which FILE does not have; expected one of a, b, c, d, e, f, g, h, i, j and 2 more",
            ),
            ("a,b,y\n1,2,3\n", "target=y,y", "data.target is 'y' twice, expected each column once"),
            (
                "a,b,y\n1,2,3\n",
                "target=y features=a,height",
                "data.features is 'height', which FILE does not have; expected one of a, b, y",
            ),
            (
                "a,b,y\n1,2,3\n",
                "target=y features=a,a",
                "data.features is 'a' twice, expected each column once",
            ),
            ("a,b,y\n1,2,3\n", "target=y features=y,a", "data.features is 'y', which is a target"),
            (
                "age,b,y\n1,2,3\n",
                "target=y drop=aeg",
                "data.drop is 'aeg', which FILE does not have; did you mean 'age'?",
            ),
            ("a,b,y\n1,2,3\n", "target=y drop=y", "data.drop is 'y', which is a target"),
            (
                "a,b,y\n1,2,3\n",
                "target=y drop=a,b",
                "data.features is none of the columns of FILE: a, b, y, expected at least one",
            ),
            (
                "a,b,y\n1,2,3\n",
                "target=y group=patient",
                "data.group is 'patient', which FILE does not have; expected one of a, b, y",
            ),
            ("a,b,y\n1,2,3\n", "target=y group=y", "data.group is 'y', which is a target"),
            ("a,b,y\n1,2,3\n", "target=y group=a features=a,b", "data.features is 'a', which is the group"),
            ("a,b,y\n1,2,3\n", "target=y group=a drop=a", "data.drop is 'a', which is the group"),
        ],
    );
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn bad_rows_get_a_message_that_says_where() {
    let open = "begins a quoted field that runs to the end of the file, expected a quote that closes it";
    let towns = |n: usize| {
        let rows: Vec<_> = (0..n).map(|i| format!("t{i},{i}\n")).collect();
        format!("town,y\n{}", rows.concat())
    };
    let long_field = format!("a,y\n1,2\n{},3\n4,5\n", "x".repeat(1_000_000));
    let long_text = format!("a,y\nx,1\n{},3\n", "x".repeat(10_001));
    let late = format!("a,y\n{}abc,5\n", "1,2\n3,4\n".repeat(600));
    let mostly = format!("a,y\n{}{}", "x,1\n".repeat(600), "1,2\n".repeat(700));
    assert_messages(
        "row",
        &[
            // Rows.
            ("a,b,y\n1,2,3\n1,2\n", "target=y", "FILE:3: has 2 fields, expected 3 as in the header"),
            ("a,b,y\r\n1,2,3\r\n1\r\n", "target=y", "FILE:3: has 1 field, expected 3 as in the header"),
            ("a,b,y\n1,2,3\n\n1,2,3,4\n", "target=y", "FILE:4: has 4 fields, expected 3 as in the header"),
            (
                "a,b,y\n1,\"2,3\n4,5,6\n",
                "target=y",
                "FILE:2: has 2 fields, expected 3 as in the header, of which one has line breaks: is its quote closed?",
            ),
            ("y,a\n1,u\n2,\"v\n3,u\n4,v\n", "target=y", &format!("FILE:3: {open}")),
            ("y,a\n1,u\n2,\"v", "target=y", &format!("FILE:3: {open}")),
            ("y,a\n1,u\n2,\"v\n\"\"", "target=y", &format!("FILE:3: {open}")),
            ("\"a,y\n1,2\n3,4\n", "target=y", &format!("FILE:1: {open}")),
            (
                "y,a\n1,u\n2,\"v\n3,u\n4,\"v\n5,u\n",
                "target=y",
                "FILE:3: has line breaks within quotes and more than a separator after the quote that closes them: is a quote \
                 missing, or one of a field not written twice?",
            ),
            ("a,y\r1,2\r3\r", "target=y", "FILE:3: has 1 field, expected 2 as in the header"),
            // Values.
            (
                "a,y\n1,2\nx,3\n4,5\n",
                "target=y",
                "FILE:3:a: 'x' is not a number, as most of the first 1000 values of the column are; `data.text=a` reads all as text, `data.drop=a` leaves the column out",
            ),
            (
                "a,y\r1,2\rx,3\r4,5\r",
                "target=y",
                "FILE:3:a: 'x' is not a number, as most of the first 1000 values of the column are; `data.text=a` reads all as text, `data.drop=a` leaves the column out",
            ),
            (
                "a,y\r\n1,2\r\n\"1,5\",3\r\n4,5\r\n",
                "target=y",
                "FILE:3:a: '1,5' has a comma, expected a number with a decimal point and no other mark, such as 1234.5",
            ),
            (
                "a;b;y\n1,5;1.5;2\n2,5;2;3\n",
                "target=y",
                "FILE:2:a: '1,5' has a comma, expected a number with a decimal point and no other mark, such as 1234.5",
            ),
            (
                "a,y\n1,2\n3,\"1,234.5\"\n",
                "target=y",
                "FILE:3:y: '1,234.5' has a comma, expected a number with a decimal point and no other mark, such as 1234.5",
            ),
            (
                "a,y\n1,2\n0x1F,3\n4,5\n",
                "target=y",
                "FILE:3:a: '0x1F' is not a number, as most of the first 1000 values of the column are; `data.text=a` reads all as text, `data.drop=a` leaves the column out",
            ),
            (
                "a,y\n1,2\n2024-01-02,3\n4,5\n",
                "target=y",
                "FILE:3:a: '2024-01-02' is not a number, as most of the first 1000 values of the column are; `data.text=a` reads all as text, `data.drop=a` leaves the column out",
            ),
            (
                "a,y\n1,2\n1\0,3\n4,5\n",
                "target=y",
                "FILE:3:a: '1\\0' is not a number, as most of the first 1000 values of the column are; `data.text=a` reads all as text, `data.drop=a` leaves the column out",
            ),
            (
                long_field.as_str(),
                "target=y",
                "FILE:3:a: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' is not a number, as most of the first 1000 values of the column are; `data.text=a` reads all as text, `data.drop=a` \
                 leaves the column out",
            ),
            (
                long_text.as_str(),
                "target=y",
                "FILE:3:a: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' has 10001 bytes, expected at most 10000 in a text column, each of whose values becomes a feature; `data.drop=a` leaves the column out",
            ),
            (
                late.as_str(),
                "target=y",
                "FILE:1202:a: 'abc' is not a number, as most of the first 1000 values of the column are; `data.text=a` reads all as text, `data.drop=a` leaves the column out",
            ),
            (
                mostly.as_str(),
                "target=y",
                "FILE:2:a: 'x' is not a number, as most values of the column are, though not of its first 1000; \
             `data.text=a` reads all as text",
            ),
            (
                "a,y\n1,high\n2,low\n",
                "target=y",
                "FILE:2:y: 'high' is not a number, expected one in a target",
            ),
            ("a,y\n1,2\ninf,3\n", "target=y", "FILE:3:a: 'inf' is infinite, expected a finite number"),
            (
                "a,y\n1,2\n2,-Infinity\n",
                "target=y",
                "FILE:3:y: '-Infinity' is infinite, expected a finite number",
            ),
            (
                "a,y\n1,2\n1e39,3\n",
                "target=y",
                "FILE:3:a: '1e39' is too large for f32, expected at most 3.4e38; `dtype=f64` has room",
            ),
            (
                "a,y\n1,2\n1e400,3\n",
                "target=y",
                "FILE:3:a: '1e400' is too large for f64, expected at most 1.8e308",
            ),
            (
                "a,y\n1,2\n,3\n",
                "target=y",
                "FILE:3:a: '' is a missing value; `data.missing=drop` leaves out such rows, `data.missing=mean` fills the mean in",
            ),
            (
                "a,y\n1,2\n2,NaN\n",
                "target=y",
                "FILE:3:y: 'NaN' is a missing value, and a target cannot be filled; `data.missing_target=drop` leaves out such rows",
            ),
            (
                "a,y\n1,2\n2,?\n",
                "target=y missing=mean",
                "FILE:3:y: '?' is a missing value, and a target cannot be filled; `data.missing_target=drop` leaves out such rows",
            ),
            (
                "a,g,y\n1,u,2\n2,NA,3\n",
                "target=y group=g missing=mean",
                "FILE:3:g: 'NA' is a missing value, expected a group; `data.missing=drop` leaves out such rows",
            ),
            (
                "a,b,y\n1,,2\n2,NA,3\n",
                "target=y missing=mean",
                "FILE:b: is missing in every row; `data.drop=b` leaves the column out",
            ),
            (
                "a,b,y\n1,,2\n2,NA,3\n",
                "target=y missing=drop",
                "FILE: has a missing value in each of its 2 rows; `data.missing=mean` fills features",
            ),
            (
                "a,y\n1,5\n2,5\n3,5.0\n",
                "target=y",
                "FILE:y: is 5 in every row, expected a target that varies",
            ),
            (
                towns(65).as_str(),
                "target=y categories=one-hot",
                "FILE:66:town: 't64' is one value too many for a text column, expected at most 64; `data.drop=town` leaves the \
                 column out, `data.categories=auto` takes means of the target",
            ),
        ],
    );
    assert!(read_csv("towns_64", towns(64).as_bytes(), "target=y").is_ok());
}

#[test]
fn bad_bytes_get_a_message_that_says_where() {
    for (i, (bytes, expected)) in [
        (&b"a,b,y\n1,2,3\n4,\xff,6\n"[..], "FILE:3:b: is not UTF-8, expected text in that encoding; `data.encoding=windows-1252` reads what older programs write in Western Europe and America"),
        (b"a,\xe4,y\n1,2,3\n", "FILE:1:2: is not UTF-8, expected text in that encoding; `data.encoding=windows-1252` reads what older programs write in Western Europe and America"),
        (b"\x1f\x8b\x08\x00\x00", "FILE: cannot be read: unexpected end of file"),
        (b"\x93NUMPY\x01\0", "FILE: is an array of numpy, expected text such as CSV, or a name that ends in .npy"),
        (b"PAR1\0", "FILE: is Parquet, expected text such as CSV, or a name that ends in .parquet"),
        (b"PK\x03\x04\x14\0", "FILE: is a zip archive, as spreadsheets are, expected text such as CSV"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(message(&format!("bytes_{i}.csv"), bytes, "target=y", FloatType::F32), expected);
    }
    let expected = "FILE:2:a: '1e400' is too large for f64, expected at most 1.8e308";
    assert_eq!(message("f64.csv", b"a,y\n1e400,1\n", "target=y", FloatType::F64), expected);
    let table = read(&config(file("f64_fits.csv", b"a,y\n1e39,1\n"), "target=y"), FloatType::F64).unwrap();
    assert_eq!(table.data.x().to_vec2::<f64>().unwrap(), [[1e39]]);
}

#[test]
fn files_that_there_are_not_are_refused() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(directory.join("folder.csv")).unwrap();
    for (name, expected) in [
        ("none.csv", "data.file is FILE, which cannot be read: No such file or directory (os error 2)"),
        ("folder.csv", "data.file is FILE, a directory, expected a file"),
        #[cfg(not(feature = "parquet"))]
        (
            "a.parquet",
            "data.file is FILE, which this build cannot read; `cargo build --release --features parquet` makes one that can",
        ),
        ("none.npy", "data.target is missing, expected the .npy file of the targets"),
        (
            "none.safetensors",
            "data.file is FILE, which cannot be read: No such file or directory (os error 2)",
        ),
    ] {
        let path = directory.join(name);
        let error = read(&config(path.clone(), ""), FloatType::F32).unwrap_err().to_string();
        assert_eq!(error.replace(&path.display().to_string(), "FILE"), expected);
    }
}

/// What can be read only once and in order will do for text alone.
#[cfg(unix)]
#[test]
fn pipes_are_read_as_text() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    for (name, expected) in [("pipe.csv", None), ("pipe.npy", Some("a pipe or a device, expected a file"))] {
        let pipe = directory.join(name);
        let _ = fs::remove_file(&pipe);
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let target = if expected.is_some() { "target=y.npy" } else { "target=y" };
        let writer = expected.is_none().then(|| {
            let pipe = pipe.clone();
            std::thread::spawn(move || fs::write(pipe, "x,y\n1,2\n\"3\n\",4\n5,6\n"))
        });
        let read = read(&config(pipe.clone(), target), FloatType::F32);
        match expected {
            Some(expected) => {
                let error = read.unwrap_err().to_string();
                assert_eq!(error, format!("data.file is {}, {expected}", pipe.display()));
            }
            None => assert_eq!(read.unwrap().data.rows(), 3),
        }
        assert!(writer.is_none_or(|writer| writer.join().unwrap().is_ok()));
    }
}
