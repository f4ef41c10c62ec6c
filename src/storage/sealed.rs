//! Tensors and what they mean in a .safetensors file that shows when it is damaged.
//!
//! The file's metadata have one entry, `taper`, a JSON text that begins with the SHA-256 sum of the whole
//! file, taken with zeros in the place of its own digits. So any tool reads the tensors, and the same content
//! gives the same bytes.

use std::collections::{BTreeMap, HashMap};

use candle_core::safetensors::Load;
use candle_core::{Device, Tensor};
use safetensors::SafeTensors;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::memory;

/// How the header of a sealed file begins; the digits of the sum follow.
const PREFIX: &[u8] = br#"{"__metadata__":{"taper":"{\"sha256\":\""#;
/// Where they begin: after the 8 bytes of the header's length.
const START: usize = 8 + PREFIX.len();
/// Where they end.
const END: usize = START + DIGITS;
/// The number of hexadecimal digits of a sum.
const DIGITS: usize = 64;

/// The entry `taper` of the metadata. The sum comes first, where it is found without parsing.
#[derive(Serialize, Deserialize)]
struct Entry<M> {
    sha256: String,
    kind: String,
    version: u32,
    content: M,
}

/// The bytes of a file of a `kind` in its format `version`.
pub(crate) fn seal(
    kind: &str,
    version: u32,
    content: impl Serialize,
    tensors: &BTreeMap<String, Tensor>,
) -> Result<Vec<u8>> {
    let entry = Entry { sha256: "0".repeat(DIGITS), kind: kind.to_owned(), version, content };
    let text = serde_json::to_string(&entry).map_err(candle_core::Error::wrap)?;
    let metadata = HashMap::from([("taper".to_owned(), text)]);
    let tensors = tensors.iter().map(|(name, tensor)| Ok((name, tensor.to_device(&Device::Cpu)?)));
    let tensors: Vec<_> = tensors.collect::<candle_core::Result<_>>()?;
    let mut bytes =
        safetensors::serialize(tensors.iter().map(|(name, tensor)| (name, tensor)), Some(metadata))
            .map_err(candle_core::Error::wrap)?;
    let sum = sum(&bytes);
    bytes[START..END].copy_from_slice(sum.as_bytes());
    Ok(bytes)
}

/// The content and the tensors, on the CPU, of a file of a `kind` whose format is known up to `version`; or
/// what is wrong with it, as the end of a sentence that begins with its name.
pub(crate) fn unseal<M: DeserializeOwned>(
    kind: &str,
    version: u32,
    bytes: &[u8],
) -> Result<(M, BTreeMap<String, Tensor>), String> {
    if !is_sealed(bytes) {
        return Err(format!("does not begin as a {kind} of taper does"));
    }
    if !is_whole(bytes) {
        return Err("is damaged or cut off: its checksum differs".to_owned());
    }
    let strange = |problem: &dyn ToString| format!("is not a {kind} of taper: {}", problem.to_string());
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| strange(&error))?;
    let text = metadata.metadata().as_ref().and_then(|entries| entries.get("taper"));
    let text = text.ok_or_else(|| strange(&"its metadata are missing"))?;
    // The kind and the version first, since the content of others may look otherwise.
    let found: Entry<serde::de::IgnoredAny> = serde_json::from_str(text).map_err(|error| strange(&error))?;
    if found.kind != kind {
        return Err(format!("is a {} of taper, expected a {kind}", found.kind));
    }
    if found.version > version {
        return Err(format!(
            "has the format {} of a {kind}, this taper knows those up to {version}; a newer one reads it",
            found.version
        ));
    }
    let entry: Entry<M> = serde_json::from_str(text).map_err(|error| strange(&error))?;
    let file = SafeTensors::deserialize(bytes).map_err(|error| strange(&error))?;
    // Without elements a shape can have any sizes, and Candle multiplies them.
    let is_countable = |shape: &[usize]| shape.iter().try_fold(1usize, |n, &size| n.checked_mul(size.max(1)));
    if let Some((name, _)) = file.iter().find(|(_, view)| is_countable(view.shape()).is_none()) {
        return Err(strange(&format!("tensor '{name}' is too large")));
    }
    memory::check::<u8>(file.iter().map(|(_, view)| view.data().len()).sum())?;
    let tensors = file.iter().map(|(name, view)| Ok((name.to_owned(), view.load(&Device::Cpu)?)));
    let tensors = tensors.collect::<candle_core::Result<_>>().map_err(|error| strange(&error))?;
    Ok((entry.content, tensors))
}

/// Whether `bytes` begin as a sealed file does.
fn is_sealed(bytes: &[u8]) -> bool {
    bytes.len() >= END && bytes[8..START] == *PREFIX
}

/// Whether `bytes` are a sealed file, of any kind and format, that nothing has happened to.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    is_sealed(bytes) && sum(bytes).as_bytes() == &bytes[START..END]
}

/// The sum of a sealed file, which has at least [`END`] bytes.
fn sum(bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(&bytes[..START]);
    hash.update([b'0'; DIGITS]);
    hash.update(&bytes[END..]);
    hex(&hash.finalize())
}

/// `bytes` in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Vec<u8> {
        let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
        let rows = Tensor::new(&[7u32, 8], &Device::Cpu).unwrap();
        let transposed = Tensor::new(&[[1f64, 2.], [3., 4.]], &Device::Cpu).unwrap().t().unwrap();
        let tensors = BTreeMap::from([
            ("a".to_owned(), tensor(&[1., f32::MIN_POSITIVE, -0.])),
            ("b".to_owned(), tensor(&[])),
            ("rows".to_owned(), rows),
            ("t".to_owned(), transposed),
        ]);
        // A name that looks like the sum's place.
        seal("test", 2, BTreeMap::from([("\"sha256\":\"", 0.1)]), &tensors).unwrap()
    }

    fn read(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, String> {
        unseal::<BTreeMap<String, f64>>("test", 2, bytes).map(|(content, tensors)| {
            assert_eq!(content["\"sha256\":\""], 0.1);
            tensors
        })
    }

    #[test]
    fn what_is_sealed_is_read_back() {
        let bytes = sealed();
        let tensors = read(&bytes).unwrap();
        let bits: Vec<_> = tensors["a"].to_vec1::<f32>().unwrap().iter().map(|x| x.to_bits()).collect();
        assert_eq!(bits, [1f32, f32::MIN_POSITIVE, -0.].map(f32::to_bits));
        assert_eq!(tensors["b"].dims(), [0]);
        assert_eq!(tensors["rows"].to_vec1::<u32>().unwrap(), [7, 8]);
        assert_eq!(tensors["t"].to_vec2::<f64>().unwrap(), [[1., 3.], [2., 4.]]);
        assert_eq!(bytes, sealed(), "the same content gives the same bytes");
        // Any reader of the format reads it.
        assert_eq!(candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).unwrap().len(), 4);
    }

    #[test]
    fn every_flip_and_every_truncation_is_seen() {
        let bytes = sealed();
        for i in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[i] ^= 1 << bit;
                assert!(read(&damaged).is_err(), "bit {bit} of byte {i}");
            }
            assert!(read(&bytes[..i]).is_err(), "the first {i} bytes");
        }
        assert!(read(&[bytes.as_slice(), &[0]].concat()).is_err(), "a byte more");
    }

    #[test]
    fn other_kinds_and_newer_formats_are_refused() {
        let bytes = sealed();
        let refusal = |kind, version| unseal::<BTreeMap<String, f64>>(kind, version, &bytes).unwrap_err();
        assert_eq!(refusal("model", 2), "is a test of taper, expected a model");
        assert!(refusal("test", 1).contains("has the format 2 of a test"));
        assert!(unseal::<Vec<u32>>("test", 2, &bytes).unwrap_err().contains("is not a test of taper: "));
        assert!(read(b"").unwrap_err().contains("does not begin as a test of taper does"));
    }
}
