//! Files that are no models, and the message each gets.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use taper::Model;
use taper::model::Schema;

use super::{file, folder, model};

/// A model of a few parameters.
fn small() -> Vec<u8> {
    model(Schema::unnamed(2, 1)).to_bytes().unwrap()
}

/// The message of loading `bytes` in vain.
fn message(bytes: &[u8]) -> String {
    let error = Model::from_bytes(bytes).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error.strip_prefix("the model: ").unwrap().to_owned()
}

#[test]
fn every_flipped_bit_and_every_truncation_is_an_error() {
    let bytes = small();
    assert!(Model::from_bytes(&bytes).is_ok());
    for i in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[i] ^= 1 << bit;
            assert!(Model::from_bytes(&damaged).is_err(), "bit {bit} of byte {i}");
        }
        assert!(Model::from_bytes(&bytes[..i]).is_err(), "the first {i} bytes");
    }
    assert_eq!(message(&bytes[..bytes.len() - 1]), "is damaged or cut off: its checksum differs");
    assert_eq!(message(b"{}"), "does not begin as a model of taper does");
}

/// The parts of a file: the rest of the entry `taper`, the tensors' part of the header, and their elements.
struct Parts {
    entry: Value,
    tensors: Value,
    elements: Vec<u8>,
}

impl Parts {
    fn of(bytes: &[u8]) -> Self {
        let len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let mut tensors: Value = serde_json::from_slice(&bytes[8..8 + len]).unwrap();
        let metadata = tensors.as_object_mut().unwrap().remove("__metadata__").unwrap();
        let mut entry: Value = serde_json::from_str(metadata["taper"].as_str().unwrap()).unwrap();
        entry.as_object_mut().unwrap().remove("sha256");
        Self { entry, tensors, elements: bytes[8 + len..].to_vec() }
    }

    /// The file of these parts, with the sum that it should have.
    fn sealed(&self) -> Vec<u8> {
        let zeros = "0".repeat(64);
        let rest = self.entry.to_string();
        let entry = format!(r#"{{"sha256":"{zeros}",{}"#, &rest[1..]);
        let tensors = self.tensors.to_string();
        let comma = if tensors == "{}" { "" } else { "," };
        let header =
            format!(r#"{{"__metadata__":{{"taper":{}}}{comma}{}"#, Value::from(entry), &tensors[1..]);
        summed([&(header.len() as u64).to_le_bytes(), header.as_bytes(), &self.elements].concat())
    }
}

/// The file with the sum that it should have.
fn summed(mut bytes: Vec<u8>) -> Vec<u8> {
    let start = 8 + br#"{"__metadata__":{"taper":"{\"sha256\":\""#.len();
    bytes[start..start + 64].fill(b'0');
    let sum = format!("{:x}", Sha256::digest(&bytes));
    bytes[start..start + 64].copy_from_slice(sum.as_bytes());
    bytes
}

#[test]
fn the_sum_is_what_the_documentation_says() {
    let bytes = small();
    assert_eq!(summed(bytes.clone()), bytes);
    assert!(Model::from_bytes(&Parts::of(&bytes).sealed()).is_ok());
}

/// Files with a right sum that somebody made to do harm, or that a program wrote that has gone wrong.
#[test]
#[allow(clippy::too_many_lines)]
fn files_that_make_no_sense_get_a_message() {
    type Change = fn(&mut Parts);
    let cases: [(&str, Change); 50] = [
        ("is a checkpoint of taper, expected a model", |p| p.entry["kind"] = json!("checkpoint")),
        ("has the format 7 of a model, this taper knows those up to 6; a newer one reads it", |p| {
            p.entry["version"] = json!(7);
        }),
        ("is not a model of taper: ", |p| p.entry["version"] = json!(-1)),
        ("is not a model of taper: ", |p| p.entry["version"] = json!("1")),
        ("is not a model of taper: missing field `content`", |p| {
            p.entry.as_object_mut().unwrap().remove("content");
        }),
        ("is not a model of taper: unknown field `bias`", |p| {
            p.entry["content"]["network"]["bias"] = json!(false);
        }),
        ("is not a model of taper: unknown field `secret`", |p| p.entry["content"]["secret"] = json!(1)),
        ("is not a model of taper: missing field `schema`", |p| {
            p.entry["content"].as_object_mut().unwrap().remove("schema");
        }),
        ("is not a model of taper: unknown variant `conv`", |p| {
            p.entry["content"]["network"]["layer"] = json!("conv");
        }),
        ("is not a model of taper: unknown variant `f16`", |p| {
            p.entry["content"]["network"]["dtype"] = json!("f16");
        }),
        ("is not a model of taper: invalid value: integer `-1`", |p| {
            p.entry["content"]["network"]["hidden"] = json!(-1);
        }),
        ("has depths from 1 to 18446744073709551615, expected some up to 1000", |p| {
            p.entry["content"]["network"]["max_depth"] = json!(u64::MAX);
        }),
        ("has depths from 4 to 3, expected some up to 1000", |p| {
            p.entry["content"]["network"]["min_depth"] = json!(4);
        }),
        ("has a tensor 'input.weight' of F32 [6, 2], expected F32 [18446744073709551615, 2]", |p| {
            p.entry["content"]["network"]["hidden"] = json!(u64::MAX);
        }),
        ("has a tensor 'input.weight' of F32 [6, 2], expected F32 [0, 2]", |p| {
            p.entry["content"]["network"]["hidden"] = json!(0);
        }),
        ("has columns for 2 features and 1 targets, and a network for 1099511627776 and 1", |p| {
            p.entry["content"]["network"]["in_features"] = json!(1u64 << 40);
        }),
        ("has columns for 2 features and 1 targets, and a network for 2 and 3", |p| {
            p.entry["content"]["network"]["out_features"] = json!(3);
        }),
        ("has columns for 2 features and 1 targets with 2 quantiles each, and a network for 2 and 1", |p| {
            p.entry["content"]["schema"]["quantiles"] = json!([0.1, 0.9]);
        }),
        ("is not a model of taper: 0.9 comes before 0.1, expected 1 to 19 numbers in ascending order", |p| {
            p.entry["content"]["schema"]["quantiles"] = json!([0.9, 0.1]);
        }),
        ("has a tensor 'input.weight' of F32 [6, 2], expected F64 [6, 2]", |p| {
            p.entry["content"]["network"]["dtype"] = json!("f64");
        }),
        ("has no features or no targets", |p| p.entry["content"]["schema"]["features"] = json!([])),
        ("has no features or no targets", |p| p.entry["content"]["schema"]["targets"] = json!([])),
        ("has two columns of the name 'x1', or one without a name", |p| {
            p.entry["content"]["schema"]["features"][0]["name"] = json!("x1");
        }),
        ("has two columns of the name 'x1', or one without a name", |p| {
            p.entry["content"]["schema"]["targets"][0] = json!("x1");
        }),
        ("has two columns of the name '', or one without a name", |p| {
            p.entry["content"]["schema"]["targets"][0] = json!("");
        }),
        ("has columns for 3 features and 1 targets, and a network for 2 and 1", |p| {
            p.entry["content"]["schema"]["features"][0]["categories"] = json!(["a", "b"]);
        }),
        ("has categories of 'x0' that are not sorted or more than 64", |p| {
            p.entry["content"]["schema"]["features"][0]["categories"] = json!(["b", "a"]);
        }),
        ("has categories of 'x0' that are not sorted or more than 64", |p| {
            let names: Vec<_> = (0..65).map(|i| format!("{i:02}")).collect();
            p.entry["content"]["schema"]["features"][0]["categories"] = json!(names);
        }),
        ("has categories and dates of 'x0', expected one or the other", |p| {
            p.entry["content"]["schema"]["features"][0]["categories"] = json!(["a", "b"]);
            p.entry["content"]["schema"]["features"][0]["dates"] = json!(["days", "year"]);
        }),
        ("has means of 2 targets for 'x0', expected 1 of a text", |p| {
            p.entry["content"]["schema"]["features"][0]["target_means"] = json!(2);
        }),
        ("has means of texts that are not those of its columns", |p| {
            let column = &mut p.entry["content"]["schema"]["features"][0];
            (column["categories"], column["target_means"]) = (json!(["a", "b"]), json!(1));
        }),
        ("has means of texts that are not those of its columns", |p| {
            let schema = &mut p.entry["content"]["schema"];
            let column = &mut schema["features"][0];
            (column["categories"], column["target_means"]) = (json!(["a", "b"]), json!(1));
            schema["category_means"] = json!([{"feature": 0, "mean": 1., "differences": [0., 1.]}]);
        }),
        ("marks missing values of 'x0', but does not fill them in", |p| {
            p.entry["content"]["schema"]["features"][0]["marks_missing"] = json!(true);
        }),
        ("fills missing values in, but does not know with what", |p| {
            p.entry["content"]["schema"]["fills_missing"] = json!(true);
        }),
        ("has a scaling of the features that is not one of 2 finite numbers", |p| {
            p.entry["content"]["schema"]["feature_scaling"] = json!([{"fill": 0, "shift": 0, "scale": 1}]);
        }),
        ("has a scaling of the targets that is not one of 1 finite numbers", |p| {
            p.entry["content"]["schema"]["target_scaling"] = json!([{"fill": 0, "shift": 0, "scale": 0}]);
        }),
        ("has a scaling of the targets that is not one of 1 finite numbers", |p| {
            let limited = json!([{"fill": 0, "shift": 0, "scale": 1, "limits": [2, 1]}]);
            p.entry["content"]["schema"]["target_scaling"] = limited;
        }),
        ("has a scaling of the features that is not one of 2 finite numbers", |p| {
            let [plain, by_quantiles] = [json!(null), json!([0, 2, 1])]
                .map(|normal| json!({"fill": 0, "shift": 0, "scale": 1, "normal": normal}));
            p.entry["content"]["schema"]["feature_scaling"] = json!([plain, by_quantiles]);
        }),
        ("is not a model of taper: invalid type: null, expected f64", |p| {
            p.entry["content"]["schema"]["target_scaling"] = json!([{"fill": null, "shift": 0, "scale": 1}]);
        }),
        ("has no tensor 'output.weight', expected F32 [1, 6]", |p| {
            p.tensors.as_object_mut().unwrap().remove("output.weight");
            p.elements.truncate(p.elements.len() - 24);
        }),
        ("has a tensor 'extra.bias', which is no parameter of its network", |p| {
            let tensors = p.tensors.as_object_mut().unwrap();
            let (end, bias) = (p.elements.len(), tensors["output.bias"].clone());
            tensors.insert("extra.bias".to_owned(), bias);
            tensors["extra.bias"]["data_offsets"] = json!([end, end + 4]);
            p.elements.extend([0; 4]);
        }),
        ("has a tensor 'input.weight' of F32 [2, 6], expected F32 [6, 2]", |p| {
            p.tensors["input.weight"]["shape"] = json!([2, 6]);
        }),
        ("has a tensor 'hidden.bias' of U32 [6], expected F32 [6]", |p| {
            p.tensors["hidden.bias"]["dtype"] = json!("U32");
        }),
        ("has a tensor 'hidden.bias' with elements that are not finite", |p| {
            let start = p.tensors["hidden.bias"]["data_offsets"][0].as_u64().unwrap() as usize;
            p.elements[start..start + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        }),
        ("has a tensor 'output.weight' with elements that are not finite", |p| {
            let start = p.tensors["output.weight"]["data_offsets"][0].as_u64().unwrap() as usize;
            p.elements[start..start + 4].copy_from_slice(&f32::NEG_INFINITY.to_le_bytes());
        }),
        ("is not a model of taper: ", |p| p.tensors["hidden.bias"]["data_offsets"] = json!([0, u64::MAX])),
        ("is not a model of taper: ", |p| p.tensors["hidden.bias"]["data_offsets"] = json!([4, 28])),
        ("is not a model of taper: ", |p| {
            p.tensors["hidden.bias"]["shape"] = json!([1u64 << 32, 1u64 << 32, 1u64 << 32]);
        }),
        ("is not a model of taper: ", |p| p.elements.truncate(8)),
        ("is not a model of taper: tensor 'none' is too large", |p| {
            // No elements, but more than can be counted if the zero comes last.
            let shape = [0, 1u64 << 40, 1u64 << 40];
            p.tensors["none"] = json!({"dtype": "F32", "shape": shape, "data_offsets": [0, 0]});
        }),
    ];
    for (expected, change) in cases {
        let mut parts = Parts::of(&small());
        change(&mut parts);
        let message = message(&parts.sealed());
        println!("{message}");
        assert!(message.starts_with(expected), "{message}, expected {expected}");
    }
}

#[test]
fn headers_that_lie_get_a_message() {
    for len in [0, 1, 1 << 20, 1 << 40, u64::MAX] {
        let mut bytes = small();
        bytes[..8].copy_from_slice(&len.to_le_bytes());
        let message = message(&summed(bytes));
        assert!(message.starts_with("is not a model of taper: "), "{len}: {message}");
    }
    // Brackets without end, and a name twice.
    let bytes = small();
    let start = 8 + bytes[8..].windows(3).position(|window| window == b"},\"").unwrap();
    for text in [&b"},\"x\":"[..], b"}"] {
        let mut bytes = bytes.clone();
        let len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        bytes[start..8 + len].fill(b'[');
        bytes[start..start + text.len()].copy_from_slice(text);
        assert!(message(&summed(bytes)).starts_with("is not a model of taper: "));
    }
}

#[test]
fn what_is_no_file_gets_a_message() {
    let message = |path: &std::path::Path| {
        let error = Model::load(path).unwrap_err().to_string();
        error.replace(&path.display().to_string(), "FILE")
    };
    let none = folder().join("none.safetensors");
    assert_eq!(message(&none), "FILE cannot be read: No such file or directory (os error 2)");
    assert_eq!(message(&folder()), "FILE: is not a file, expected one that `taper train` has written");
    let text = file("text.safetensors", "age,bmi\n1,2\n");
    assert_eq!(message(&text), "FILE: does not begin as a model of taper does");
    // A file with holes, which takes no room on the disk.
    let large = folder().join("large.safetensors");
    std::fs::File::create(&large).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(message(&large), "FILE: has 1099511627776 bytes, expected at most 4294967296");
    std::fs::remove_file(large).unwrap();
}
