//! The text of a file: unpacked, and in UTF-8.

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::bufread::GzDecoder;
use ruzstd::decoding::FrameDecoder;

use super::source::Source;
use crate::config::Encoding;

/// The number of bytes read at a time.
const BUFFER: usize = 1 << 18;

/// A file that is read through the layers above it, and is had again when they are gone.
#[derive(Clone)]
pub(super) struct Shared(Rc<RefCell<Source>>);

impl Shared {
    pub(super) fn new(source: Source) -> Self {
        Self(Rc::new(RefCell::new(source)))
    }

    /// The file, when no layer reads it any more.
    pub(super) fn into_source(self) -> Option<Source> {
        Rc::into_inner(self.0).map(RefCell::into_inner)
    }
}

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }
}

/// The text of `file`, which is unpacked if it begins as gzip or Zstandard do, and decoded from `encoding`,
/// or else from that of its byte order mark. Without either it is as it is in the file, which should be
/// UTF-8. A byte order mark is left out.
pub(super) fn text(file: Shared, encoding: Option<Encoding>) -> io::Result<Box<dyn Read>> {
    let mut file = BufReader::with_capacity(BUFFER, file);
    let unpacked: Box<dyn Read> = match file.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(Gzip { member: Some(GzDecoder::new(file)) }),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Box::new(Zstandard::new(file)),
        _ => Box::new(file),
    };
    let mut decoder = DecodeReaderBytesBuilder::new();
    // What should be UTF-8 is left as it is: the reader of the rows says where it is not.
    let encoding = encoding.map(Encoding::get).filter(|encoding| *encoding != encoding_rs::UTF_8);
    decoder.encoding(encoding).bom_override(true).strip_bom(true).utf8_passthru(true);
    Ok(Box::new(decoder.build(unpacked)))
}

/// What the members of a gzip file contain, one after the other. Zeros may follow the last, which tapes and
/// the blocks of archives are filled with; anything else is read as a member, and refused.
struct Gzip<R> {
    /// None when all is read.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(mut packed) = self.member.take().map(GzDecoder::into_inner) else { break };
            let zeros = skip_zeros(&mut packed)?;
            if !packed.fill_buf()?.is_empty() {
                if zeros {
                    return Err(io::Error::other("zeros are followed by something else"));
                }
                self.member = Some(GzDecoder::new(packed));
            }
        }
        Ok(0)
    }
}

/// Skips zeros, and tells whether there were some.
fn skip_zeros(packed: &mut impl BufRead) -> io::Result<bool> {
    let mut any = false;
    loop {
        let bytes = packed.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        if zeros == 0 {
            return Ok(any);
        }
        packed.consume(zeros);
        any = true;
    }
}

/// What Zstandard frames contain, one after the other.
struct Zstandard<R> {
    packed: R,
    frame: FrameDecoder,
    is_open: bool,
}

impl<R: BufRead> Zstandard<R> {
    fn new(packed: R) -> Self {
        Self { packed, frame: FrameDecoder::new(), is_open: false }
    }

    /// Opens the next frame; false where there is none.
    fn open(&mut self) -> io::Result<bool> {
        use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
        while !self.packed.fill_buf()?.is_empty() {
            match self.frame.reset(&mut self.packed) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let skipped = io::copy(&mut self.packed.by_ref().take(length.into()), &mut io::sink())?;
                    if skipped < length.into() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    /// Fails where the frame, which is finished, has a sum and it is another.
    fn check_sum(&self) -> io::Result<()> {
        match self.frame.get_checksum_from_data() {
            Some(expected) if self.frame.get_calculated_checksum() != Some(expected) => {
                Err(io::Error::other("it is damaged: its checksum differs"))
            }
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for Zstandard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use ruzstd::decoding::BlockDecodingStrategy::UptoBytes;
        loop {
            if !self.is_open {
                self.is_open = self.open()?;
                if !self.is_open {
                    return Ok(0);
                }
            }
            let read = self.frame.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            if self.frame.is_finished() {
                self.check_sum()?;
                self.is_open = false;
            } else {
                self.frame.decode_blocks(&mut self.packed, UptoBytes(BUFFER)).map_err(io::Error::other)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::{env, fs, process};

    use super::*;

    /// The text of a file with the content `bytes`.
    fn unpacked(bytes: &[u8], encoding: Option<&str>) -> io::Result<String> {
        let path =
            env::temp_dir().join(format!("taper-unpack-{}-{:?}", process::id(), std::thread::current().id()));
        fs::write(&path, bytes)?;
        let file = Shared::new(Source::open_once("data.file", &path).unwrap());
        let encoding = encoding.map(|name| name.parse().unwrap());
        let mut found = String::new();
        let read = text(file.clone(), encoding).and_then(|mut text| text.read_to_string(&mut found));
        assert!(file.into_source().is_some());
        fs::remove_file(path)?;
        read.map(|_| found)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    }

    fn zstandard(text: &str) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn packed_text_is_unpacked() {
        let text = "a,b\n".repeat(100_000);
        for pack in [gzip, zstandard] {
            let packed = pack(&text);
            assert!(packed.len() < text.len() / 10);
            assert_eq!(unpacked(&packed, None).unwrap(), text);
            // As `cat a.gz b.gz` and parallel packers make them.
            assert_eq!(
                unpacked(&[packed.clone(), pack("1,2\n")].concat(), None).unwrap(),
                text.clone() + "1,2\n"
            );
            for damaged in [&packed[..packed.len() / 2], &[&packed[..], b"more"].concat()] {
                let error = unpacked(damaged, None).unwrap_err();
                println!("{error}");
            }
        }
        // As blocks of a fixed size end, longer than what is read at a time, too.
        let packed = gzip("1,2\n");
        for zeros in [1, 511, 2 * BUFFER] {
            let padded = [packed.clone(), vec![0; zeros]].concat();
            assert_eq!(unpacked(&padded, None).unwrap(), "1,2\n");
            for more in [b"more".as_slice(), &packed] {
                let error = unpacked(&[&padded, more].concat(), None).unwrap_err();
                assert_eq!(error.to_string(), "zeros are followed by something else");
            }
        }
        // A frame of a few bytes that is to be skipped.
        let skipped = [&[0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 7, 7, 7][..], &zstandard("1,2\n")].concat();
        assert_eq!(unpacked(&skipped, None).unwrap(), "1,2\n");
        // By `printf 'a,b\n1,2\n' | zstd -c`, with a checksum.
        let mut by_zstd = b"\x28\xb5\x2f\xfd\x04\x58\x41\0\0a,b\n1,2\n\x35\xe7\xca\xce".to_vec();
        assert_eq!(unpacked(&by_zstd, None).unwrap(), "a,b\n1,2\n");
        *by_zstd.last_mut().unwrap() ^= 1;
        assert!(unpacked(&by_zstd, None).unwrap_err().to_string().contains("checksum"));
    }

    #[test]
    fn encodings_are_told_by_marks_or_by_name() {
        let little: Vec<u8> = "a,\u{e4}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "a,\u{e4}\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let expected = "a,\u{e4}\n";
        for (bytes, encoding) in [
            (expected.as_bytes().to_vec(), None),
            ([b"\xef\xbb\xbf", expected.as_bytes()].concat(), None),
            ([b"\xff\xfe", little.as_slice()].concat(), None),
            ([b"\xfe\xff", big.as_slice()].concat(), None),
            (little, Some("utf-16le")),
            (big, Some("UTF-16BE")),
            (b"a,\xe4\n".to_vec(), Some("windows-1252")),
            (b"a,\xe4\n".to_vec(), Some("latin1")),
        ] {
            assert_eq!(unpacked(&bytes, encoding).unwrap(), expected, "{encoding:?}");
        }
        let packed = gzip("a,b\n");
        assert_eq!(unpacked(&packed, Some("windows-1252")).unwrap(), "a,b\n");
        // The euro sign is where ISO 8859-1 has a control character.
        assert_eq!(unpacked(b"\x80", Some("cp1252")).unwrap(), "\u{20ac}");
    }
}
