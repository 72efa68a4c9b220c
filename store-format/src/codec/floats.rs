//! The float codecs.

use half::f16;

use crate::FormatError;

pub(crate) fn write_f32(values: &[f32], out: &mut Vec<u8>) {
    out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
}

pub(crate) fn read_f32(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

pub(crate) fn write_f16(values: &[f32], out: &mut Vec<u8>) -> Result<(), FormatError> {
    for &value in values {
        let rounded = f16::from_f32(value);
        if !rounded.is_finite() {
            return Err(FormatError::invalid(
                "weights",
                format!("{value} is beyond f16's range of 65504; use the codec f32"),
            ));
        }
        out.extend_from_slice(&rounded.to_le_bytes());
    }
    Ok(())
}

pub(crate) fn read_f16(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect()
}
