//! What a family has of its own, and what makes a model another than its family's.

use std::path::Path;

use super::super::EncoderError;
use super::super::files::read_json;
use super::raw::{DisentangledRaw, NarrowRaw, Raw, RotaryRaw};
use super::{
    Architecture, Biases, Disentangled, HIDDEN, Places, Rotary, Sharing, TOKEN_TYPES, setting_error, short, within,
};

/// Sizes that what a family has of its own must fit.
pub(super) struct Sizes {
    pub(super) hidden: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) positions: usize,
}

/// What a family has of its own.
pub(super) struct Family {
    pub(super) embedding: usize,
    pub(super) sharing: Option<Sharing>,
    pub(super) absolute: bool,
    pub(super) places: Places,
    pub(super) biases: Biases,
}

impl Family {
    pub(super) fn read(path: &Path, raw: &Raw, architecture: Architecture, sizes: Sizes) -> Result<Self, EncoderError> {
        let mut family = Self {
            embedding: sizes.hidden,
            sharing: None,
            absolute: true,
            places: Places::Embedded,
            biases: Biases { attention: true, feed_forward: true, norm: true },
        };
        match architecture {
            Architecture::MpNet => {
                let buckets = raw.relative_attention_num_buckets.unwrap_or(32);
                if buckets != 32 {
                    return Err(setting_error("relative_attention_num_buckets", buckets, "32"));
                }
                family.places = Places::Biased;
            }
            Architecture::ModernBert => {
                let own: RotaryRaw = read_json(path)?;
                family.biases = Biases {
                    attention: own.attention_bias == Some(true),
                    feed_forward: own.mlp_bias == Some(true),
                    norm: own.norm_bias == Some(true),
                };
                family.absolute = false;
                family.places = Places::Rotary(Rotary::of(&own, sizes.layers, sizes.hidden / sizes.heads)?);
            }
            Architecture::DebertaV2 => {
                let own = read_json(path)?;
                let narrow: NarrowRaw = read_json(path)?;
                match narrow.embedding_size {
                    Some(found) if found != sizes.hidden as u64 => {
                        let expected = format!("{}, the hidden size, for a DeBERTa", sizes.hidden);
                        return Err(setting_error("embedding_size", found, expected));
                    }
                    _ => {}
                }
                family.absolute = own_positions(&own);
                family.places = Places::Disentangled(Disentangled::of(&own, sizes.positions)?);
            }
            Architecture::Electra | Architecture::Albert => {
                let own: NarrowRaw = read_json(path)?;
                family.embedding = within("embedding_size", own.embedding_size.or(Some(128)), HIDDEN)?;
                if architecture == Architecture::Albert {
                    let groups = 1..=sizes.layers as u64;
                    family.sharing = Some(Sharing {
                        groups: within("num_hidden_groups", own.num_hidden_groups.or(Some(1)), groups)?,
                        inner: within("inner_group_num", own.inner_group_num.or(Some(1)), 1..=16)?,
                    });
                }
            }
            Architecture::Bert
            | Architecture::DistilBert
            | Architecture::Roberta
            | Architecture::XlmRoberta
            | Architecture::Camembert => {}
        }
        Ok(family)
    }
}

/// Whether DeBERTa adds a table of positions to the words.
fn own_positions(raw: &DisentangledRaw) -> bool {
    raw.position_biased_input != Some(false)
}

/// Models that share a name with these families but compute something else.
pub(super) fn refuse_variants(raw: &Raw, head: usize) -> Result<(), EncoderError> {
    match raw.position_embedding_type.as_deref() {
        None | Some("absolute") => {}
        Some(other) => return Err(setting_error("position_embedding_type", short(other), "absolute")),
    }
    if raw.is_decoder == Some(true) {
        return Err(setting_error("is_decoder", true, "false (every token sees the whole text)"));
    }
    for (setting, value) in [("head_dim", raw.head_dim), ("attention_head_size", raw.attention_head_size)] {
        match value {
            Some(found) if found != head as u64 => {
                return Err(setting_error(setting, found, format!("{head}, the hidden size / the number of heads")));
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn token_types(architecture: Architecture, raw: Option<u64>) -> Result<usize, EncoderError> {
    match architecture {
        Architecture::DistilBert | Architecture::MpNet | Architecture::ModernBert => Ok(0),
        Architecture::DebertaV2 => within("type_vocab_size", raw.or(Some(0)), 0..=*TOKEN_TYPES.end()),
        _ => within("type_vocab_size", raw.or(Some(2)), TOKEN_TYPES),
    }
}

pub(super) fn first_position(
    architecture: Architecture,
    padding: Option<i64>,
    vocabulary: usize,
    positions: usize,
) -> Result<usize, EncoderError> {
    if !architecture.counts_from_padding() {
        return Ok(0);
    }
    // MPNet's padding is a constant of its code.
    let padding = if architecture == Architecture::MpNet { None } else { padding };
    let limits = 0..=(vocabulary.min(positions - 1) - 1) as u64;
    Ok(within("pad_token_id", padding.map_or(Some(1), |id| u64::try_from(id).ok()), limits)? + 1)
}
