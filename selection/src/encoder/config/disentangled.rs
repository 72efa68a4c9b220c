//! DeBERTa: content and relative positions in vectors of their own.

use super::super::EncoderError;
use super::raw::{DisentangledRaw, Terms};
use super::{POSITIONS, setting_error, short, within};

/// The published models have 256 buckets, or distances up to 512.
const MAX_SPAN: u64 = 4096;

/// What disentangled attention adds to the weights between a query and a key (He et al. 2020, arXiv 2006.03654,
/// equations 2 to 4).
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Disentangled {
    /// Rows of the table of relative positions on each side of its middle: buckets, or distances.
    pub(in super::super) span: usize,
    /// The distance whose bucket is the last but one; `None` where each distance has a row of its own.
    pub(in super::super) farthest: Option<usize>,
    /// Whether a query asks for a key's position.
    pub(in super::super) content_to_position: bool,
    /// Whether a key is asked by a query's position.
    pub(in super::super) position_to_content: bool,
    /// Whether positions go through the same products as the content.
    pub(in super::super) shared: bool,
    /// Whether the table goes through a layer norm.
    pub(in super::super) normed: bool,
}

impl Disentangled {
    pub(super) fn of(raw: &DisentangledRaw, positions: usize) -> Result<Self, EncoderError> {
        if raw.relative_attention != Some(true) {
            let found = raw.relative_attention.map_or("missing".to_owned(), |found| found.to_string());
            return Err(setting_error("relative_attention", found, "true"));
        }
        if let Some(size @ 1..) = raw.conv_kernel_size {
            let expected =
                "0: the convolution of DeBERTa-v2 xlarge is not supported, base and large of version 3 have none";
            return Err(setting_error("conv_kernel_size", size, expected));
        }
        // transformers takes whatever is below 1 for the number of positions.
        let farthest = match raw.max_relative_positions {
            Some(found @ 1..) => within("max_relative_positions", u64::try_from(found).ok(), POSITIONS)?,
            _ => positions,
        };
        let (setting, span, farthest) = match raw.position_buckets {
            Some(buckets @ 1..) => ("position_buckets", buckets as u64, Some(farthest)),
            _ => ("max_relative_positions", farthest as u64, None),
        };
        // Two buckets of distances beyond the middle, so that the logarithms between them have something to divide by.
        let span = within(setting, Some(span), 4..=MAX_SPAN)?;
        match farthest {
            Some(farthest) if farthest <= span / 2 + 1 => {
                let expected = format!("more than {}, as there are {span} position_buckets", span / 2 + 1);
                return Err(setting_error("max_relative_positions", farthest, expected));
            }
            _ => {}
        }
        let (content_to_position, position_to_content) = terms(raw.pos_att_type.as_ref())?;
        Ok(Self {
            span,
            farthest,
            content_to_position,
            position_to_content,
            shared: raw.share_att_key == Some(true),
            normed: normed(raw.norm_rel_ebd.as_deref())?,
        })
    }

    /// How many products there are in an attention weight.
    pub(in super::super) fn terms(&self) -> usize {
        1 + usize::from(self.content_to_position) + usize::from(self.position_to_content)
    }
}

fn terms(raw: Option<&Terms>) -> Result<(bool, bool), EncoderError> {
    let lowered;
    let terms: Vec<&str> = match raw {
        None => Vec::new(),
        Some(Terms::List(terms)) => terms.iter().map(String::as_str).collect(),
        Some(Terms::Line(line)) => {
            lowered = line.to_lowercase();
            lowered.split('|').map(str::trim).collect()
        }
    };
    match terms.iter().find(|term| !["c2p", "p2c"].contains(*term)) {
        Some(other) => Err(setting_error("a term of pos_att_type", short(other), "c2p or p2c")),
        None => Ok((terms.contains(&"c2p"), terms.contains(&"p2c"))),
    }
}

fn normed(raw: Option<&str>) -> Result<bool, EncoderError> {
    match raw.map(|name| name.trim().to_lowercase()).as_deref() {
        None | Some("none") => Ok(false),
        Some("layer_norm") => Ok(true),
        Some(other) => Err(setting_error("norm_rel_ebd", short(other), "none or layer_norm")),
    }
}
