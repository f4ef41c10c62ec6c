//! Arrays in .npy and .safetensors files.

use std::fs;
use std::path::Path;

use taper::config::FloatType;
use taper::data::read;

use crate::{config, file, message, x, y};

/// A .npy file with the header of `dictionary`.
fn npy(dictionary: &str, elements: &[u8]) -> Vec<u8> {
    let len = (dictionary.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", len.as_slice(), dictionary.as_bytes(), elements].concat()
}

/// A .npy file of `values` with the shape as Python writes it.
pub(crate) fn npy_f64(shape: &str, values: &[f64]) -> Vec<u8> {
    let elements: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    npy(&format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({shape}), }}\n"), &elements)
}

#[test]
fn matrices_of_numpy_are_read() {
    let target = file("good_y.npy", &npy_f64("2,", &[7., 8.]));
    let target = format!("target={}", target.display());
    let path = file("good_x.npy", &npy_f64("2, 3", &[1., 2., 3., 4., 5., 6.]));
    let table = read(&config(path, &target), FloatType::F32).unwrap();
    assert_eq!((x(&table), y(&table)), (vec![vec![1., 2., 3.], vec![4., 5., 6.]], vec![vec![7.], vec![8.]]));

    // Columns one after the other, in another type.
    let columns = npy("{'descr': '|i1', 'fortran_order': True, 'shape': (2, 3), }\n", &[1, 4, 2, 5, 3, 250]);
    let table = read(&config(file("columns.npy", &columns), &target), FloatType::F32).unwrap();
    assert_eq!(x(&table), [[1., 2., 3.], [4., 5., -6.]]);

    let path = file("nan_x.npy", &npy_f64("2, 1", &[1., f64::NAN]));
    let table = read(&config(path, &format!("{target} missing=drop")), FloatType::F32).unwrap();
    assert_eq!((x(&table), y(&table), table.dropped), (vec![vec![1.]], vec![vec![7.]], 1));
}

/// `bytes` with another bit at `place`.
fn flipped(bytes: &[u8], place: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[place] ^= 1;
    bytes
}

/// Files that numpy 2 wrote by `savez` and, with big-endian elements in column-major order, by
/// `savez_compressed`.
#[test]
fn archives_of_numpy_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/numpy");
    for name in ["stored.npz", "packed.npz"] {
        let path = folder.join(name);
        let table = read(&config(path.clone(), ""), FloatType::F32).unwrap();
        assert_eq!((x(&table), y(&table)), (vec![vec![1.5, 2.], vec![3., 4.]], vec![vec![5.], vec![6.]]));
        let bytes = fs::read(path).unwrap();
        for (changed, flags, expected) in [
            (bytes[..bytes.len() - 30].to_vec(), "", "FILE: cannot be read as .npz: "),
            (bytes[..200].to_vec(), "", "FILE: cannot be read as .npz: "),
            // A byte of the elements of X, after its name and its header of 128 bytes.
            (flipped(&bytes, if name == "stored.npz" { 200 } else { 90 }), "", "FILE: cannot be read: "),
            (bytes.clone(), "features=x", "data.features is 'x', which FILE does not have; it has X, y"),
            (bytes.clone(), "target=X", "data.target is 'X', which is the array of the features"),
        ] {
            let message = message("changed.npz", &changed, flags, FloatType::F32);
            assert!(message.starts_with(expected), "{message}, expected {expected}");
        }
    }
}

#[test]
fn bad_matrices_of_numpy_get_a_message() {
    let short = npy_f64("2, 3", &[1., 2.]);
    let two_rows = npy_f64("2, 1", &[1., 2.]);
    for (i, (bytes, target, flags, expected)) in [
        (b"PK\x03\x04\x00\x00\x00\x00".to_vec(), &two_rows, "", "FILE: does not begin like a .npy file"),
        (b"\x93NUMPY".to_vec(), &two_rows, "", "FILE: ends within the header of a .npy file"),
        (b"\x93NUMPY\x09\x00\x00\x00".to_vec(), &two_rows, "", "FILE: is .npy of version 9, expected 1, 2 or 3"),
        (short, &two_rows, "",
         "FILE: has 16 bytes after its header, which is not what the shape [2, 3] needs; is it cut off?"),
        (npy_f64("4294967296, 4294967296, 4", &[]), &two_rows, "",
         "FILE: has 0 bytes after its header, which is not what the shape [4294967296, 4294967296, 4] needs; is it cut \
          off?"),
        (npy_f64("2, 1, 1", &[1., 2.]), &two_rows, "", "FILE: has the shape [2, 1, 1], expected a matrix [rows, columns]"),
        (npy_f64("2,", &[1., 2.]), &two_rows, "", "FILE: has the shape [2], expected a matrix [rows, columns]"),
        (npy_f64("2, 0", &[]), &two_rows, "", "FILE: has no columns, expected at least one"),
        (npy_f64("0, 2", &[]), &two_rows, "", "FILE: has no rows, expected at least one"),
        (two_rows.clone(), &npy_f64("0,", &[]), "", "TARGET: has no rows, expected at least one"),
        (npy_f64("3, 1", &[1., 2., 3.]), &two_rows, "", "TARGET: has 2 rows, expected 3 as in FILE"),
        (npy_f64("2, 1", &[1., f64::INFINITY]), &two_rows, "", "FILE[1, 0]: is inf, expected a finite number"),
        (npy_f64("2, 1", &[1., 1e39]), &two_rows, "",
         "FILE[1, 0]: is 1e39, too large for f32, expected at most 3.4e38; `dtype=f64` has room"),
        (npy_f64("2, 1", &[1., f64::NAN]), &two_rows, "",
         "FILE[1, 0]: is NaN, a missing value; `data.missing=drop` leaves out such rows, `data.missing=mean` fills the mean in"),
        (two_rows.clone(), &npy_f64("2,", &[1., f64::NAN]), "missing=mean",
         "TARGET[1]: is NaN, a missing value, and a target cannot be filled; `data.missing_target=drop` leaves out such rows"),
        (two_rows.clone(), &npy_f64("2,", &[1., 1.]), "", "FILE:y: is 1 in every row, expected a target that varies"),
        (two_rows.clone(), &two_rows, "features=a",
         "data.features is a, expected none: the columns of .npy files have no names"),
        (two_rows.clone(), &two_rows, "group=a",
         "data.group is a, expected none: the columns of .npy files have no names"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = file(&format!("bad_target_{i}.npy"), target);
        let flags = format!("target={} {flags}", path.display());
        let message = message(&format!("bad_{i}.npy"), &bytes, &flags, FloatType::F32);
        assert_eq!(message.replace(&path.display().to_string(), "TARGET"), expected);
    }
    let nan = npy_f64("2, 2", &[1., f64::NAN, 2., f64::NAN]);
    let path = file("two_rows_y.npy", &two_rows);
    let empty =
        message("nan_column.npy", &nan, &format!("target={} missing=mean", path.display()), FloatType::F32);
    assert_eq!(empty, "FILE[:, 1]: is NaN in every row, expected a value in at least one");
    let flags = format!("target={}", path.display());
    let same = message("two_rows_y.npy", &two_rows, &flags, FloatType::F32);
    assert_eq!(same, "data.target is FILE, which is the file of the features");
    let message = message("y_name.npy", &two_rows, "target=y", FloatType::F32);
    assert_eq!(message, "data.target is y, expected the .npy file of the targets");
}

/// Without elements one size can be any number: nothing of it is allocated, counted or multiplied.
#[test]
fn sizes_that_no_elements_back_get_a_message() {
    let target = file("sizes_y.npy", &npy_f64("2,", &[1., 2.]));
    let flags = format!("target={}", target.display());
    for size in [1u64 << 32, 1 << 40, 1 << 60, 1 << 62, u64::MAX] {
        for order in ["True", "False"] {
            for (shape, expected) in [
                (format!("0, {size}"), "FILE: has no rows, expected at least one"),
                (format!("{size}, 0"), "FILE: has no columns, expected at least one"),
                (format!("0, {size}, {size}"), "FILE: has "),
                (
                    format!("{size}, {size}"),
                    "FILE: has 0 bytes after its header, which is not what the shape",
                ),
            ] {
                let dictionary =
                    format!("{{'descr': '<f2', 'fortran_order': {order}, 'shape': ({shape}), }}\n");
                let bytes = npy(&dictionary, &[]);
                let message = message("sizes.npy", &bytes, &flags, FloatType::F32);
                assert!(message.starts_with(expected), "{message}, expected {expected}");
            }
        }
        for (shape, expected) in [
            (format!("[0,{size}]"), "FILE:X: has no rows, expected at least one"),
            (format!("[{size},0]"), "FILE:X: has no columns, expected at least one"),
            (format!("[{size},{size}]"), "FILE: has a header that is not one of .safetensors: "),
        ] {
            let header = format!(
                r#"{{"X":{{"dtype":"F32","shape":{shape},"data_offsets":[0,0]}},"y":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}}}"#
            );
            let message = message("sizes.safetensors", &safetensors(&header, &[]), "", FloatType::F32);
            assert!(message.starts_with(expected), "{message}, expected {expected}");
        }
    }
}

/// A .safetensors file with this header.
pub(crate) fn safetensors(header: &str, data: &[f32]) -> Vec<u8> {
    let len = (header.len() as u64).to_le_bytes();
    let data: Vec<u8> = data.iter().flat_map(|value| value.to_le_bytes()).collect();
    [&len, header.as_bytes(), &data].concat()
}

#[test]
fn safetensors_are_read_or_get_a_message() {
    let header = r#"{"X":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#;
    let good = safetensors(header, &[1., 2., 3., 4.]);
    for flags in ["", "target=y", "features=X"] {
        let table = read(&config(file("good.safetensors", &good), flags), FloatType::F32).unwrap();
        assert_eq!((x(&table), y(&table)), (vec![vec![1.], vec![2.]], vec![vec![3.], vec![4.]]));
    }
    let named = safetensors(&header.replace("\"X\"", "\"inputs\""), &[1., 2., 3., 4.]);
    let table = read(&config(file("named.safetensors", &named), "features=inputs"), FloatType::F32).unwrap();
    assert_eq!(x(&table), [[1.], [2.]]);
    for (i, (bytes, flags, expected)) in [
        (vec![1, 2, 3], "", "FILE: ends within the header of a .safetensors file"),
        (
            vec![255; 16],
            "",
            "FILE: does not begin like a .safetensors file: a header of 18446744073709551615 bytes",
        ),
        (
            good[..good.len() - 4].to_vec(),
            "",
            "FILE: has 12 bytes after its header, which says 16; is it cut off?",
        ),
        (
            safetensors(&header.replace("\"X\"", "\"Z\""), &[1., 2., 3., 4.]),
            "",
            "FILE: has no array 'X', expected one, or its name in `data.features`; it has Z, y",
        ),
        (good.clone(), "target=t", "data.target is 't', which FILE does not have; it has X, y"),
        (good.clone(), "target=X", "data.target is 'X', which is the array of the features"),
        (safetensors("{}", &[]), "", "FILE: has no array 'X', expected one, or its name in `data.features`; it has none"),
        (
            safetensors(
                &header.replace("F32", "C64").replace("[2,1]", "[1,1]").replace("[2]", "[1]"),
                &[1., 2., 3., 4.],
            ),
            "",
            "FILE:X: has elements of type C64, expected real numbers",
        ),
        (good.clone(), "target=a,b", "data.target is a, b, expected the name of one array"),
        (
            good.clone(),
            "drop=a",
            "data.drop is a, expected none: the columns of such files have no names",
        ),
        (
            safetensors(header, &[1., 2., f32::NEG_INFINITY, 4.]),
            "",
            "FILE:y[0]: is -inf, expected a finite number",
        ),
        (
            safetensors(&header.replace("[2,1]", "[3,1]"), &[1., 2., 3., 4.]),
            "",
            "FILE: has a header that is not one of .safetensors: invalid shape, data type, or offset for tensor",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let message = message(&format!("bad_{i}.safetensors"), &bytes, flags, FloatType::F32);
        assert!(message.starts_with(expected), "{message}, expected {expected}");
    }
}
