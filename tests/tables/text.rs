//! Text that is read.

use taper::config::FloatType;
use taper::data::read;

use crate::{config, file, read_csv, x, y};

#[test]
fn text_is_read() {
    for (about, text) in [
        ("plain", "a,b,y\n1,2,3\n4,5,6\n"),
        ("no_newline_at_the_end", "a,b,y\n1,2,3\n4,5,6"),
        ("crlf", "a,b,y\r\n1,2,3\r\n4,5,6\r\n"),
        ("carriage_returns", "a,b,y\r1,2,3\r4,5,6\r"),
        ("byte_order_mark", "\u{feff}a,b,y\n1,2,3\n4,5,6\n"),
        ("byte_order_mark_and_quotes", "\u{feff}\"a\",b,y\n1,2,3\n4,5,6\n"),
        ("quote_at_the_end", "a,b,y\n1,2,3\n4,5,\"6\""),
        ("quotes", "\"a\",\"b\",\"y\"\n\"1\",\"2\",\"3\"\n4,\"5\",6\n"),
        ("spaces", " a , b,y \n 1, 2 ,3\n4 ,\t5,  6\n"),
        ("exponents", "a,b,y\n1e0,0.2E1,30e-1\n4.,5.0,6\n"),
        ("plus", "a,b,y\n+1,+2,+3\n4,5,+6\n"),
        ("semicolons", "a;b;y\n1;2;3\n4;5;6\n"),
        ("tabs", "a\tb\ty\n1\t2\t3\n4\t5\t6\n"),
        ("empty_lines", "\na,b,y\n\n1,2,3\n\n\n4,5,6\n\n"),
    ] {
        let table = read_csv(about, text.as_bytes(), "target=y").unwrap();
        assert_eq!(x(&table), [[1., 2.], [4., 5.]], "{about}");
        assert_eq!(y(&table), [[3.], [6.]], "{about}");
        let names: Vec<_> = table.features.iter().map(|column| column.name.as_str()).collect();
        assert_eq!((names, table.data.target_names()), (vec!["a", "b"], &["y".to_owned()][..]), "{about}");
    }
    let tabs = file("tabs.tsv", b"a\ty\n1\t3\n2\t4\n");
    assert_eq!(x(&read(&config(tabs, "target=y"), FloatType::F32).unwrap()), [[1.], [2.]]);
}

#[test]
fn one_row_and_one_column_are_read() {
    let table = read_csv("one_row", b"a,y\n1,2\n", "target=y").unwrap();
    assert_eq!((x(&table), y(&table)), (vec![vec![1.]], vec![vec![2.]]));
}

#[test]
fn text_columns_become_zeros_and_ones() {
    let text = "town,size,y\n\"Ulm, old\",1,1\nBonn,2,2\n\"a\nb \"\"c\"\"\",3,3\n Bonn ,4,4\n";
    let table = read_csv("text", text.as_bytes(), "target=y").unwrap();
    assert_eq!(table.features[0].categories, ["Bonn", "Ulm, old", "a\nb \"c\""]);
    assert!(table.features[1].categories.is_empty());
    assert_eq!(x(&table), [[0., 1., 0., 1.], [1., 0., 0., 2.], [0., 0., 1., 3.], [1., 0., 0., 4.]]);

    // No more than half of the values are numbers, and these keep their spelling.
    let table = read_csv("half", b"code,y\n007,1\nA,2\n7,3\nB,4\n", "target=y").unwrap();
    assert_eq!(table.features[0].categories, ["007", "7", "A", "B"]);
}

#[test]
fn columns_are_chosen() {
    let text = b"id,a,b,g,y,z\n1,2,3,p,5,6\n7,8,9,q,11,12\n13,14,15,p,17,18\n";
    let table = read_csv("chosen", text, "target=z,y features=b,a group=g").unwrap();
    assert_eq!(x(&table), [[3., 2.], [9., 8.], [15., 14.]]);
    assert_eq!(y(&table), [[6., 5.], [12., 11.], [18., 17.]]);
    assert_eq!(table.data.groups(), Some([0, 1, 0].as_slice()));
    let table = read_csv("dropped", text, "target=y drop=g,id,z").unwrap();
    assert_eq!(x(&table), [[2., 3.], [8., 9.], [14., 15.]]);
    assert_eq!(table.data.groups(), None);
}

#[test]
fn missing_values_are_left_out_or_kept_for_the_folds() {
    let text = b"a,b,y\n1,u,1\nNA,v,2\n3,?,3\n4,u,\n5,u,5\n,,\n";
    let table = read_csv("missing_drop", text, "target=y missing=drop").unwrap();
    assert_eq!((x(&table), y(&table)), (vec![vec![1., 1.], vec![5., 1.]], vec![vec![1.], vec![5.]]));
    assert_eq!((table.dropped, &table.features[1].categories), (4, &vec!["u".to_owned()]));

    let text = b"a,b,y\n1,u,1\nnan,v,2\n3,null,3\n";
    let table = read_csv("missing_mean", text, "target=y missing=mean").unwrap();
    let shown: Vec<_> = x(&table).iter().map(|row| format!("{row:?}")).collect();
    assert_eq!(shown, ["[1.0, 1.0, 0.0]", "[NaN, 0.0, 1.0]", "[3.0, NaN, NaN]"]);
}

#[test]
fn equal_rows_are_counted() {
    let text = b"a,b,y\n1,2,3\n1,2,4\n1,2,3\n1,2,3\n0,2,3\n";
    assert_eq!(read_csv("duplicates", text, "target=y").unwrap().duplicates, 2);
    let text = b"id,a,y\n1,2,3\n2,2,3\n3,2,4\n";
    assert_eq!(read_csv("duplicates_but_id", text, "target=y").unwrap().duplicates, 0);
    assert_eq!(read_csv("duplicates_id", text, "target=y drop=id").unwrap().duplicates, 1);
}
