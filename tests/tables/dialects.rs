//! The ways in which people's programs write tables as text: the same numbers in each.

use taper::config::{Decimal, FileConfig, FloatType};
use taper::data::{Table, read};

use crate::{config, file, message, x, y};

type Change = fn(&mut FileConfig);

/// Reads `text` as `change` says.
fn read_as(name: &str, text: &str, change: impl FnOnce(&mut FileConfig)) -> Table {
    let mut config = config(file(&format!("{name}.csv"), text.as_bytes()), "target=y");
    change(&mut config);
    read(&config, FloatType::F32).unwrap()
}

#[test]
fn the_same_table_is_read_from_each_dialect() {
    let nothing: Change = |_| {};
    let cases: [(&str, &str, Change); 17] = [
        ("points", "a,b,y\n1.5,2,3\n-4.25,5000,6\n", nothing),
        ("commas", "a;b;y\n1,5;2;3\n-4,25;5.000,0;6\n", |config| config.dialect.decimal = Decimal::Comma),
        ("commas_found", "a;b;y\n1,5;2;3\n-4,25;5000;6\n", nothing),
        ("groups", "a;b;y\n1,5;2;3\n-4,25;5.000,0;6\n", nothing),
        ("tabs", "a\tb\ty\n1,5\t2\t3\n-4,25\t5000\t6\n", nothing),
        ("bars", "a|b|y\n1.5|2|3\n-4.25|5000|6\n", nothing),
        ("comma_in_header", "a, in m, net;b;y\n1.5;2;3\n-4.25;5000;6\n", |_| {}),
        ("sep", "sep=;\r\na;b;y\r\n1,5;2;3\r\n-4,25;5000;6\r\n", nothing),
        ("sep_bar", "\"sep=|\"\na|b|y\n1.5|2|3\n-4.25|5000|6\n", nothing),
        ("colon", "a:b:y\n1.5:2:3\n-4.25:5000:6\n", |config| {
            config.dialect.delimiter = Some(":".parse().unwrap());
        }),
        ("space", "a b y\n1.5 2 3\n-4.25 5000 6\n", |config| {
            config.dialect.delimiter = Some("space".parse().unwrap());
        }),
        ("comments", "# station, X\na;b;y\n1.5;2;3\n# pause\n-4.25;5000;6\n", |config| {
            config.dialect.comment = Some("#".parse().unwrap());
        }),
        ("skipped", "station X\n\"unit, m\n\na,b,y\n1.5,2,3\n-4.25,5000,6\n", |config| {
            config.dialect.skip_rows = 3;
        }),
        ("skipped_sep", "station X\nsep=;\na;b;y\n1.5;2;3\n-4.25;5000;6\n", |config| {
            config.dialect.skip_rows = 1;
        }),
        ("no_header", "1.5,2,3\n-4.25,5000,6\n", |config| {
            config.dialect.no_header = true;
            config.target = vec!["column_3".to_owned()];
        }),
        ("no_header_commas", "1,5;2;3\n-4,25;5000;6\n", |config| {
            config.dialect.no_header = true;
            config.target = vec!["column_3".to_owned()];
        }),
        ("trailing", "a;b;y;\n1,5;2;3;\n-4,25;5000;6;\n", nothing),
    ];
    for (name, text, change) in cases {
        let table = read_as(name, text, change);
        let expected = (vec![vec![1.5, 2.], vec![-4.25, 5000.]], vec![vec![3.], vec![6.]]);
        assert_eq!((x(&table), y(&table)), expected, "{name}");
    }
}

#[test]
fn places_are_those_of_the_whole_file() {
    for (text, flags, expected) in [
        ("sep=;\na;b;y\n1;2;3\n4;x;6\n5;7;8\n", "target=y", "FILE:4:b: 'x' is not a number"),
        ("sep=;\na;b;y\n1;2;3\n4;6\n", "target=y", "FILE:4: has 2 fields, expected 3 as in the header"),
        ("sep=;\na;b;a\n1;2;3\n", "target=y", "FILE:2:a: the header has this name in columns 1 and 3"),
        // A decimal point among decimal commas.
        ("a;y\n1,5;2\n2,5;3\n3,5;4\n1.5;2\n", "target=y", "FILE:2:a: '1,5' has a comma, expected a number"),
    ] {
        let error = message("places.csv", text.as_bytes(), flags, FloatType::F32);
        assert!(error.starts_with(expected), "{error}");
    }
    let mut rows = "a;y\n".to_owned();
    rows.extend((0..200).map(|_| "1,5;2\n3;4\n"));
    rows.push_str("1.5;2\n");
    let error = message("late_point.csv", rows.as_bytes(), "target=y", FloatType::F32);
    assert!(error.starts_with("FILE:402:a: '1.5' has a point where decimals follow a comma"), "{error}");
}

#[test]
fn a_total_and_a_row_of_units_are_named_as_what_they_look_like() {
    for (text, expected) in [
        (
            "a,b,y\n1,2,3\n4,5,6\n7,8,9\nTotal,,18\n",
            "FILE:5:a: 'Total' is not a number: does the file end with a total?",
        ),
        (
            "a,b,y\nm,kg,s\n1,2,3\n4,5,6\n7,8,9\n",
            "FILE:2:y: 's' is not a number: are these units below the header?",
        ),
    ] {
        let error = message("looks.csv", text.as_bytes(), "target=y missing=mean", FloatType::F32);
        assert!(error.starts_with(expected), "{error}");
    }
}
