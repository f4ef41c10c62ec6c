//! A reader of what an ONNX file holds, as far as taper writes it.

#![allow(clippy::cast_sign_loss, clippy::cast_possible_wrap, reason = "sizes are signed in ONNX")]

use std::collections::BTreeMap;

/// The value of a field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

/// The fields of a message with their numbers.
pub(super) struct Message<'a>(Vec<(u64, Field<'a>)>);

impl<'a> Message<'a> {
    pub(super) fn new(mut bytes: &'a [u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let field = match key & 7 {
                0 => Field::Int(varint(&mut bytes).cast_signed()),
                2 => {
                    let length = varint(&mut bytes) as usize;
                    Field::Bytes(bytes.split_off(..length).unwrap())
                }
                kind => panic!("a field of type {kind}"),
            };
            fields.push((key >> 3, field));
        }
        Self(fields)
    }

    pub(super) fn ints(&self, number: u64) -> Vec<i64> {
        self.of(number)
            .filter_map(|field| if let Field::Int(int) = field { Some(int) } else { None })
            .collect()
    }

    pub(super) fn int(&self, number: u64) -> i64 {
        self.ints(number)[0]
    }

    fn all_bytes(&self, number: u64) -> impl Iterator<Item = &'a [u8]> {
        self.of(number).filter_map(|field| if let Field::Bytes(bytes) = field { Some(bytes) } else { None })
    }

    pub(super) fn bytes(&self, number: u64) -> &'a [u8] {
        self.all_bytes(number).next().unwrap_or_default()
    }

    pub(super) fn texts(&self, number: u64) -> Vec<String> {
        self.all_bytes(number).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap()).collect()
    }

    pub(super) fn text(&self, number: u64) -> String {
        self.texts(number).first().cloned().unwrap_or_default()
    }

    pub(super) fn messages(&self, number: u64) -> Vec<Self> {
        self.all_bytes(number).map(Self::new).collect()
    }

    fn of(&self, number: u64) -> impl Iterator<Item = Field<'a>> {
        self.0.iter().filter(move |(of, _)| *of == number).map(|(_, field)| *field)
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for place in 0.. {
        let byte = *bytes.split_off_first().unwrap();
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            break;
        }
    }
    value
}

/// A node of a graph.
pub(super) struct Node {
    pub(super) op: String,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) int: BTreeMap<String, i64>,
    pub(super) ints: BTreeMap<String, Vec<i64>>,
    pub(super) texts: BTreeMap<String, Vec<String>>,
}

impl Node {
    pub(super) fn new(message: &Message) -> Self {
        let attributes = message.messages(5);
        let of_type = |of: i64| attributes.iter().filter(move |a| a.int(20) == of);
        Self {
            op: message.text(4),
            inputs: message.texts(1),
            outputs: message.texts(2),
            int: of_type(2).map(|a| (a.text(1), a.int(3))).collect(),
            ints: of_type(7).map(|a| (a.text(1), a.ints(8))).collect(),
            texts: of_type(8).map(|a| (a.text(1), a.texts(9))).collect(),
        }
    }

    /// An attribute that is a number, 0 where it is not set.
    pub(super) fn number(&self, name: &str) -> i64 {
        self.int.get(name).copied().unwrap_or_default()
    }
}
