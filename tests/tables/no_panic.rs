//! Whatever the bytes are, nothing panics.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use taper::config::FloatType;
use taper::data::read;

use crate::arrays::{npy_f64, safetensors};
use crate::{config, file, read_csv, y};

/// Bytes that look enough like a table to get far.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "a", "b", "y", ",", ",", ";", "\t", "\n", "\n", "\r\n", "\"", "\"\"", " ", "1", "2.5", "-3e8", "NA",
        "?", "inf", "x", "\u{feff}", "ä", "1e99", "a,y\n", "1,2\n",
    ]);
    let bytes = prop::collection::vec(any::<u8>(), 0..4);
    let piece = prop_oneof![20 => piece.prop_map(|text| text.as_bytes().to_vec()), 1 => bytes];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in texts(), begins in any::<bool>(), missing in 0..3usize) {
        let text = if begins { [b"a,b,y\n", text.as_slice()].concat() } else { text };
        let missing = ["", "missing=drop", "missing=mean"][missing];
        if let Ok(table) = read_csv("any", &text, &format!("target=y {missing}")) {
            prop_assert!(table.data.rows() > 0 && table.data.features() > 0);
            prop_assert!(y(&table).iter().flatten().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn no_bytes_of_arrays_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        at in 0usize..100,
        value in any::<u8>(),
    ) {
        let header = r#"{"X":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#;
        let mut tensors = safetensors(header, &[1., 2., 3., 4.]);
        let mut array = npy_f64("2, 1", &[1., 2.]);
        tensors[at] = value;
        let changed = at % array.len();
        array[changed] = value;
        for (name, bytes) in [("any.safetensors", &bytes), ("changed.safetensors", &tensors)] {
            let _ = read(&config(file(name, bytes), ""), FloatType::F32);
        }
        for (name, bytes) in [("any.npy", &bytes), ("changed.npy", &array)] {
            let path = file(name, bytes);
            let _ = read(&config(path.clone(), &format!("target={}", path.display())), FloatType::F32);
        }
    }
}
