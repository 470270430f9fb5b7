//! Packed values: base64 of gzip, for configs that are larger than a parameter may be
//! (4 KB in the standard tier, 8 KB in the advanced one).
//!
//! Promises that what `gzip -9 | base64` has packed is unpacked, that everything else is
//! taken as it is, and that no value unpacks to more than [`LIMIT`].

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;

/// The largest config that is unpacked, in bytes: more than two hundred times what the
/// application's own examples have.
pub const LIMIT: u64 = 1024 * 1024;
/// How base64 of gzip begins: the magic number and the only compression method
/// (RFC 1952, section 2.3.1). No YAML mapping begins so without a colon after it.
const BEGINNING: &str = "H4sI";

/// Unpacks `value` if it is packed.
///
/// # Errors
/// It begins as if packed and can't be unpacked: what is wrong.
pub fn unpack(value: String) -> Result<String, String> {
    if !value.trim_start().starts_with(BEGINNING) || value.contains(':') {
        return Ok(value);
    }
    let base64: String = value.split_whitespace().collect();
    let gzip = STANDARD.decode(base64).map_err(|error| format!("its base64 is broken: {error}"))?;
    let mut text = Vec::new();
    let mut unpacking = GzDecoder::new(gzip.as_slice()).take(LIMIT + 1);
    unpacking.read_to_end(&mut text).map_err(|error| format!("its gzip is broken: {error}"))?;
    if text.len() as u64 > LIMIT {
        return Err(format!("it unpacks to more than {LIMIT} bytes"));
    }
    String::from_utf8(text).map_err(|_| "it unpacks to something that is no UTF-8 text".into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn pack(text: &[u8]) -> String {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(text).unwrap();
        STANDARD.encode(gzip.finish().unwrap())
    }

    #[test]
    fn what_is_packed_is_unpacked_whatever_its_line_breaks() {
        let packed = pack(b"apis: {}\n");
        let wrapped = packed.as_bytes().chunks(8).map(|line| String::from_utf8_lossy(line) + "\n").collect();
        assert_eq!(unpack(packed), Ok("apis: {}\n".into()));
        assert_eq!(unpack(wrapped), Ok("apis: {}\n".into()));
    }

    #[test]
    fn everything_else_is_taken_as_it_is() {
        for text in ["", "apis: {}", "H4sI: {}", "  H4sI: x"] {
            assert_eq!(unpack(text.into()), Ok(text.into()));
        }
    }

    #[test]
    fn what_is_broken_or_too_large_is_refused() {
        let good = pack(b"apis: {}\n");
        let cut = good[..good.len() / 2 / 4 * 4].to_owned();
        assert!(unpack(cut).unwrap_err().contains("gzip is broken"));
        assert!(unpack("H4sI!!!!".into()).unwrap_err().contains("base64 is broken"));
        assert!(unpack(pack(&[0xff, 0xfe])).unwrap_err().contains("no UTF-8"));
        let limit = usize::try_from(LIMIT).unwrap();
        assert!(unpack(pack(&vec![b'#'; limit])).is_ok());
        assert!(unpack(pack(&vec![b'#'; limit + 1])).unwrap_err().contains("more than 1048576 bytes"));
    }
}
