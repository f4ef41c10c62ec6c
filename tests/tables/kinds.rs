//! What a column is: its name, numbers or text, and which texts are missing values.

use taper::config::FloatType;
use taper::data::FeatureKind;

use crate::{message, read_csv, x, y};

#[test]
fn row_numbers_and_row_names_without_a_header_are_left_out() {
    for (about, text) in [
        ("pandas", ",a,y\n0,5,1\n1,6,2\n2,7,4\n"),
        ("r_numbers", "\"\",a,y\n\"1\",5,1\n\"2\",6,2\n\"3\",7,4\n"),
        ("r_names", "\"\",a,y\nMazda,5,1\nDatsun,6,2\nHornet,7,4\n"),
        ("trailing_rows", "a,y\n5,1,\n6,2,\n7,4,\n"),
        ("some_trailing_rows", "a,y\n5,1\n6,2,\n7,4\n"),
        ("trailing_all", "a,y,\n5,1,\n6,2,\n7,4,\n"),
        ("empty_within", "a,,y\n5,,1\n6,,2\n7,,4\n"),
    ] {
        let table = read_csv(about, text.as_bytes(), "target=y").unwrap();
        assert_eq!(
            (x(&table), y(&table)),
            (vec![vec![5.], vec![6.], vec![7.]], vec![vec![1.], vec![2.], vec![4.]])
        );
        let is_named = about.contains("trailing_rows");
        assert_eq!(table.left_out.len(), usize::from(!is_named), "{about}");
        assert_eq!(table.notes.len(), usize::from(!is_named), "{about}: {:?}", table.notes);
    }
    // Such a column can be asked for, and another one dropped.
    let table = read_csv("asked", b",a,y\n0,5,1\n1,6,2\n", "target=y features=unnamed_1").unwrap();
    assert_eq!(x(&table), [[0.], [1.]]);
    let table = read_csv("unnamed", b"a,,y\n5,9,1\n6,7,2\n", "target=y").unwrap();
    assert_eq!((x(&table), table.features[1].name.as_str()), (vec![vec![5., 9.], vec![6., 7.]], "unnamed_2"));
    assert_eq!(table.notes, ["column 2 has no name in the header and is called 'unnamed_2'"]);
    let table = read_csv("dropped", b"a,,y\n5,9,1\n6,7,2\n", "target=y drop=unnamed_2").unwrap();
    assert_eq!(x(&table), [[5.], [6.]]);
    let short = message("too_many.csv", b"a,y\n1,2,3\n", "target=y", FloatType::F32);
    assert_eq!(short, "FILE:2: has 3 fields, expected 2 as in the header");
}

/// What stands for a missing value among numbers, of `-` and `.` only there: among texts they are texts.
#[test]
fn missing_values_are_known_by_their_column() {
    for marker in [
        "-", "N.A.", "#N/A", "none", "None", "n.a.", "missing", ".", "NULL", "#DIV/0!", "<NA>", "nil", "--",
        "",
    ] {
        let text = format!("a,b,y\n1,2,3\n4,{marker},6\n7,8,9\n");
        let table = read_csv("marker", text.as_bytes(), "target=y missing=mean").unwrap();
        assert!(x(&table)[1][1].is_nan(), "{marker}");
        let table = read_csv("marker", text.as_bytes(), "target=y missing=drop").unwrap();
        assert_eq!((y(&table), table.dropped), (vec![vec![3.], vec![9.]], 1), "{marker}");
        let error = message("marker.csv", text.as_bytes(), "target=y", FloatType::F32);
        assert!(error.starts_with(&format!("FILE:3:b: '{marker}' is a missing value; ")), "{error}");
        let error = message("marker.csv", text.as_bytes(), "target=b", FloatType::F32);
        assert!(
            error.ends_with("a target cannot be filled; `data.missing_target=drop` leaves out such rows"),
            "{error}"
        );
    }
    for (marker, problem) in [("inf", "is infinite"), ("1e999", "is too large"), ("abc", "is not a number")] {
        let text = format!("a,b,y\n1,2,3\n4,{marker},6\n7,8,9\n");
        let error = message("no_marker.csv", text.as_bytes(), "target=y missing=mean", FloatType::F32);
        assert!(error.contains(problem), "{error}");
    }
    let texts = b"t,y\n-,1\n.,2\nUlm,3\n-,4\n";
    let table = read_csv("texts", texts, "target=y missing=drop").unwrap();
    assert_eq!(
        (table.features[0].categories.as_slice(), table.dropped),
        (&["-", ".", "Ulm"].map(str::to_owned)[..], 0)
    );
}

#[test]
fn a_list_of_missing_values_replaces_the_usual_ones() {
    let text = b"a,t,y\n-999,NA,3\n4,x,6\n,NA,9\n";
    let table = read_csv("listed", text, "target=y missing=mean na=-999").unwrap();
    assert_eq!(table.features[1].categories, ["NA", "x"]);
    let rows = x(&table);
    assert!(rows[0][0].is_nan() && rows[2][0].is_nan() && rows[1] == [4., 0., 1.], "{rows:?}");
}

/// What is missing somewhere has one more feature, which is NaN there and 0 elsewhere until it is scaled.
#[test]
fn missing_values_are_marked() {
    let text = b"a,t,d,b,y\n1,x,2024-01-31,7,1\n,NA,-,8,2\n3,z,2024-02-01,9,3\n";
    let flags = "target=y missing=median missing_indicator=true dates=expand";
    let table = read_csv("marked_kinds", text, flags).unwrap();
    let marked: Vec<_> = table.features.iter().map(|column| (column.width(), column.marks_missing)).collect();
    assert_eq!(marked, [(2, true), (3, true), (6, true), (1, false)]);
    let rows = x(&table);
    let marks = |row: usize| [1, 4, 10].map(|feature| rows[row][feature]);
    assert_eq!((marks(0), marks(2)), ([0.; 3], [0.; 3]));
    assert!(rows[1][..11].iter().all(|value| value.is_nan()) && rows[1][11] == 8., "{rows:?}");
    // It is a choice, and of whole columns nothing is said.
    let table = read_csv("marked_kinds", text, "target=y missing=median dates=expand").unwrap();
    assert!(table.features.iter().all(|column| !column.marks_missing));
    let table = read_csv("whole_kinds", b"a,y\n1,1\n2,2\n", flags).unwrap();
    assert_eq!(table.data.features(), 1);
}

/// Rows without a target are left out, and missing features filled.
#[test]
fn missing_targets_and_missing_features_are_handled_apart() {
    let text = b"a,y\n1,2\n,4\n5,NA\n,-\n";
    let table = read_csv("apart", text, "target=y missing=mean missing_target=drop").unwrap();
    assert_eq!((y(&table), table.dropped), (vec![vec![2.], vec![4.]], 2));
    assert!(x(&table)[1][0].is_nan());
    let error = message("apart.csv", text, "target=y missing_target=drop", FloatType::F32);
    assert!(error.starts_with("FILE:3:a: '' is a missing value"), "{error}");
}

#[test]
fn declared_columns_are_what_they_are_said_to_be() {
    let zip = b"zip,y\n01234,1\n02134,2\n1234,3\n";
    let said = |flags: &str| read_csv("zip", zip, flags).unwrap().notes;
    let expected = "column 'zip' has numbers with leading zeros, such as '01234', which look like codes and are read as \
                    numbers; `data.text=zip` reads them as text, `data.number=zip` says that they are numbers";
    assert_eq!(said("target=y"), [expected]);
    assert!(said("target=y text=zip").is_empty() && said("target=y number=zip").is_empty());
    let table = read_csv("zip", zip, "target=y text=zip").unwrap();
    assert_eq!(table.features[0].categories, ["01234", "02134", "1234"]);
    assert_eq!(x(&table)[2], [0., 0., 1.]);
    // Most values of the first rows are numbers, and then again most are not.
    let rating = b"r,y\n5+,1\n3,2\n4,3\n";
    let error = message("rating.csv", rating, "target=y", FloatType::F32);
    assert!(
        error.contains("'5+' is not a number") && error.contains("`data.text=r` reads all as text"),
        "{error}"
    );
    let table = read_csv("rating", rating, "target=y text=r").unwrap();
    assert_eq!(table.features[0].categories, ["3", "4", "5+"]);
    let text = b"a,y\nx,1\nz,2\n3,3\n";
    assert_eq!(read_csv("text", text, "target=y").unwrap().features[0].categories.len(), 3);
    let error = message("number.csv", text, "target=y number=a", FloatType::F32);
    assert_eq!(error, "FILE:2:a: 'x' is not a number, as `data.number` says of the column");
    for (flags, expected) in [
        ("target=y text=y", "data.text is 'y', which is a target, expected features"),
        (
            "target=y text=a number=a",
            "data.number is 'a', which is text by `data.text`, expected one or the other",
        ),
        ("target=y text=b", "data.text is 'b', which FILE does not have; expected one of a, y"),
    ] {
        assert_eq!(message("declared.csv", text, flags, FloatType::F32), expected);
    }
}

/// More than a thousand texts, and then more numbers: the first rows decided, and the message says so.
#[test]
fn a_column_that_changes_its_kind_says_which_rows_decided() {
    let mut text = "a,y\n".to_owned();
    text.extend((0..1000).map(|i| if i % 2 == 0 { "x,1\n" } else { "7,2\n" }));
    text.extend((0..10).map(|_| "7,3\n"));
    let error = message("changes.csv", text.as_bytes(), "target=y", FloatType::F32);
    let expected = "FILE:2:a: 'x' is not a number, as most values of the column are, though not of its first 1000; \
                    `data.text=a` reads all as text";
    assert_eq!(error, expected);
    assert_eq!(
        read_csv("changes", text.as_bytes(), "target=y text=a").unwrap().features[0].categories,
        ["7", "x"]
    );
}

/// More values than are zeros and ones are codes in sorted order, one for each target.
#[test]
fn many_texts_are_codes() {
    let mut text = "t,s,y,z\n".to_owned();
    text.extend((0..66).map(|i| format!("v{:02},{},{i},{}\n", 65 - i, i % 2, i * i)));
    text.push_str("NA,1,0,0\n");
    let flags = "target=y,z missing=mean text=s";
    let table = read_csv("codes_kinds", text.as_bytes(), flags).unwrap();
    assert_eq!((table.features[0].target_means, table.features[0].width()), (2, 2));
    assert_eq!((table.features[1].target_means, table.features[1].width()), (0, 2));
    let rows = x(&table);
    assert_eq!((&rows[0][..], &rows[65][..]), (&[65., 65., 1., 0.][..], &[0., 0., 0., 1.][..]));
    assert!(rows[66][..2].iter().all(|code| code.is_nan()));
    let code = |target| FeatureKind::Code { values: 66, target };
    let kinds = [code(0), code(1), FeatureKind::Part, FeatureKind::Part];
    assert_eq!(table.data.kinds(), Some(&kinds[..]));
    let table = read_csv("codes_kinds", text.as_bytes(), &format!("{flags} categories=target")).unwrap();
    assert_eq!((table.features[1].target_means, table.data.features()), (2, 4));
}
