//! Models and checkpoints, which a checksum protects from damage: what is behind it sees only what somebody
//! made so.

use std::fs;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use taper::Model;

use super::fuzz;
use super::mutate::mutate;

/// Where the header of a sealed file begins, where the digits of its sum do, and where they end.
const HEADER: usize = 8;
const START: usize = HEADER + br#"{"__metadata__":{"taper":"{\"sha256\":\""#.len();
const END: usize = START + 64;

const WORDS: &[&str] = &[
    "null",
    "true",
    "[",
    "]",
    "{",
    "}",
    ",",
    "\\\"",
    "F32",
    "F64",
    "U32",
    "I64",
    "cos",
    "linear",
    "shape",
    "hidden.weight",
    "\\\"layer\\\":",
    "[0,4611686018427387904]",
    "[],",
    "\\\\u0000",
];

/// Changes a sealed file behind its sum, which is then that of what it has become.
pub(super) fn change(rng: &mut ChaCha8Rng, bytes: &[u8]) -> Vec<u8> {
    let len = u64::from_le_bytes(bytes[..HEADER].try_into().unwrap()) as usize;
    let (mut header, mut elements) = (bytes[END..HEADER + len].to_vec(), bytes[HEADER + len..].to_vec());
    let (fits, mut len) = (rng.random_bool(0.9), len as u64);
    if rng.random_bool(0.8) {
        mutate(rng, &mut header, WORDS);
    } else {
        mutate(rng, &mut elements, &[]);
    }
    if fits {
        len = (END - HEADER + header.len()) as u64;
    } else if rng.random() {
        len = *[0, 1, 100, 1 << 20, 1 << 40, u64::MAX].choose(rng).unwrap();
    }
    let bytes =
        [&len.to_le_bytes(), &bytes[HEADER..START], [b'0'; END - START].as_slice(), &header, &elements]
            .concat();
    summed(bytes)
}

/// The file with the sum that it should have.
fn summed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[START..END].fill(b'0');
    let sum = format!("{:x}", Sha256::digest(&bytes));
    bytes[START..END].copy_from_slice(sum.as_bytes());
    bytes
}

/// The fixtures of the models' tests.
fn models() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn models_behind_their_sums() {
    let models = models();
    for model in &models {
        assert_eq!(&summed(model.clone()), model);
    }
    fuzz(300, move |_, rng| {
        let whole = models.choose(rng).unwrap();
        let model = change(rng, whole);
        let Ok(model) = Model::from_bytes(&model) else { return false };
        model.summary().unwrap().to_string();
        let x = Tensor::ones((3, model.schema().width()), DType::F64, &Device::Cpu).unwrap();
        assert_eq!(model.predict(&x).unwrap().dims(), [3, model.schema().targets.len()]);
        Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
        true
    });
}

#[test]
fn models_before_their_sums() {
    let models = models();
    fuzz(300, move |_, rng| {
        let mut model = models.choose(rng).unwrap().clone();
        mutate(rng, &mut model, WORDS);
        Model::from_bytes(&model).is_ok()
    });
}
