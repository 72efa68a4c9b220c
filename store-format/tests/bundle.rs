//! The frames of a bundle's objects, which a registry writes as they are.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use esmhub_store_format::bundle::{self, Bundled};
use esmhub_store_format::card::{BaseModel, Weights};
use esmhub_store_format::frame::{self, Content};
use esmhub_store_format::log::Published;
use esmhub_store_format::{Card, Codec, DenseMap, Digest, Object};

fn bundled() -> Bundled {
    let weight = (0..32 * 32).map(|at| (at % 7) as f32 / 8.0).collect();
    let object = Object::encode(&DenseMap::new(weight, vec![0.5; 32]).unwrap(), Codec::F32).unwrap();
    let card = Card::imported(Weights::of(&object, 0.0), BaseModel::named("acme/encoder"));
    let published =
        Published { name: "a".parse().unwrap(), tag: "v1".parse().unwrap(), card: card.to_canonical().unwrap() };
    Bundled { published, object }
}

/// A frame with any payload that says that it is compressed.
fn framed(canonical: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut frame = b"ESMH\x01\x01\x01\0".to_vec();
    frame.extend((canonical.len() as u64).to_le_bytes());
    frame.extend((payload.len() as u64).to_le_bytes());
    frame.extend(Digest::of(canonical).as_bytes());
    let check = Digest::of(&frame);
    frame.extend(&check.as_bytes()[..8]);
    frame.extend(payload);
    frame
}

/// A zstd frame (RFC 8878) of one raw block, behind as many empty ones.
fn padded(canonical: &[u8], empty_blocks: usize) -> Vec<u8> {
    let length = u32::try_from(canonical.len()).unwrap();
    let mut payload = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    payload.extend(length.to_le_bytes());
    payload.extend(vec![0; 3 * empty_blocks]);
    payload.extend(&(length << 3 | 1).to_le_bytes()[..3]);
    payload.extend(canonical);
    payload
}

/// The frame that is read from a bundle with this one.
fn read(bundled: &Bundled, frame: &[u8]) -> Vec<u8> {
    let mut file = frame::encode(Content::Record, &bundled.published.to_canonical().unwrap()).unwrap();
    file.extend(frame);
    let (found, frame) = bundle::read_framed(&file).next().unwrap().unwrap();
    assert_eq!((&found, frame.digest()), (bundled, bundled.object.digest()));
    frame.into_bytes()
}

#[test]
fn frame_that_is_smaller_than_its_object_is_taken_as_it_is() {
    let bundled = bundled();
    let best = bundled.object.to_frame().unwrap();
    assert_eq!(read(&bundled, &best), best);
    let canonical = bundled.object.canonical();
    let fast = framed(canonical, &zstd::bulk::compress(canonical, -50).unwrap());
    assert_ne!(fast, best);
    assert_eq!(read(&bundled, &fast), fast);
}

/// A registry refuses files that are larger than any object: one that was padded could be published, and never read.
#[test]
fn frame_that_was_padded_is_written_anew() {
    let bundled = bundled();
    let canonical = bundled.object.canonical();
    for empty_blocks in [0, 1, 100_000] {
        let padded = framed(canonical, &padded(canonical, empty_blocks));
        assert!(padded.len() > canonical.len() + frame::HEADER_BYTES);
        assert_eq!(read(&bundled, &padded), bundled.object.to_frame().unwrap(), "{empty_blocks}");
    }
}
