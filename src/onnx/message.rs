//! Protocol buffers, as far as they are written here.
//!
//! A message is a sequence of fields, each a key and a value. The key is `number << 3 | type` as a varint,
//! which has seven bits of a number in each byte, the lowest first, and the eighth bit set in all bytes but
//! the last. Two types are all that ONNX needs here: 0, a varint, and 2, a length as a varint and so many
//! bytes, which are a text, raw numbers or another message. A repeated field is a field for each of its
//! elements. See <https://protobuf.dev/programming-guides/encoding/>. A crate that does the same would bring
//! a compiler of schemas or the whole schema of ONNX.

/// A message that is being written.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// The message with a whole number as the field `number`, negative ones in two's complement.
    pub(super) fn int(mut self, number: u32, value: i64) -> Self {
        self.varint(u64::from(number) << 3);
        self.varint(value.cast_unsigned());
        self
    }

    /// The message with `bytes` as the field `number`, such as a text in UTF-8.
    pub(super) fn bytes(mut self, number: u32, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.varint(u64::from(number) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// The message with another one as the field `number`.
    pub(super) fn message(self, number: u32, message: Self) -> Self {
        self.bytes(number, message.0)
    }

    /// The message with a field `number` for each of `messages`.
    pub(super) fn messages(self, number: u32, messages: impl IntoIterator<Item = Self>) -> Self {
        messages.into_iter().fold(self, |whole, message| whole.message(number, message))
    }

    /// What was written.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the specification of the encoding: 150 in field 1, "testing" in field 2, and the first
    /// as a message in field 3; and -1, which has ten bytes.
    #[test]
    fn fields_are_those_of_the_specification() {
        let number = || Message::default().int(1, 150);
        assert_eq!(number().into_bytes(), [0x08, 0x96, 0x01]);
        let text = Message::default().bytes(2, "testing").into_bytes();
        assert_eq!(text, *b"\x12\x07testing");
        assert_eq!(Message::default().message(3, number()).into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let minus_one = [[0x08].as_slice(), &[0xff; 9], &[0x01]].concat();
        assert_eq!(Message::default().int(1, -1).into_bytes(), minus_one);
    }
}
