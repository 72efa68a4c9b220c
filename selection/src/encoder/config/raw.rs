//! config.json as it is written, before anything in it is believed.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// What all families have, as transformers 4 and 5 write it; what changes no number is not read. DistilBERT and ModernBERT have
/// names of their own. What other families have is read where it is theirs: elsewhere it may have any form.
#[derive(Deserialize)]
pub(super) struct Raw {
    pub(super) model_type: Option<String>,
    pub(super) architectures: Option<Vec<String>>,
    pub(super) hidden_size: Option<u64>,
    pub(super) dim: Option<u64>,
    pub(super) num_hidden_layers: Option<u64>,
    pub(super) n_layers: Option<u64>,
    pub(super) num_attention_heads: Option<u64>,
    pub(super) n_heads: Option<u64>,
    pub(super) intermediate_size: Option<u64>,
    pub(super) hidden_dim: Option<u64>,
    pub(super) vocab_size: Option<u64>,
    pub(super) max_position_embeddings: Option<u64>,
    pub(super) type_vocab_size: Option<u64>,
    pub(super) hidden_act: Option<String>,
    pub(super) activation: Option<String>,
    pub(super) hidden_activation: Option<String>,
    pub(super) layer_norm_eps: Option<f64>,
    pub(super) norm_eps: Option<f64>,
    pub(super) pad_token_id: Option<i64>,
    pub(super) position_embedding_type: Option<String>,
    pub(super) is_decoder: Option<bool>,
    pub(super) classifier_pooling: Option<String>,
    /// Of heads; all families have hidden size / heads.
    pub(super) head_dim: Option<u64>,
    pub(super) attention_head_size: Option<u64>,
    /// MPNet.
    pub(super) relative_attention_num_buckets: Option<u64>,
}

/// ELECTRA and ALBERT: embeddings that are narrower than the layers, and layers that are shared.
#[derive(Deserialize)]
pub(super) struct NarrowRaw {
    pub(super) embedding_size: Option<u64>,
    pub(super) num_hidden_groups: Option<u64>,
    pub(super) inner_group_num: Option<u64>,
}

/// ModernBERT, with the names of transformers 4 (two thetas, every n-th layer) and 5 (`rope_parameters`, `layer_types`).
#[derive(Deserialize)]
pub(super) struct RotaryRaw {
    pub(super) attention_bias: Option<bool>,
    pub(super) mlp_bias: Option<bool>,
    pub(super) norm_bias: Option<bool>,
    pub(super) local_attention: Option<u64>,
    pub(super) sliding_window: Option<u64>,
    pub(super) global_attn_every_n_layers: Option<u64>,
    pub(super) layer_types: Option<Vec<String>>,
    pub(super) global_rope_theta: Option<f64>,
    /// `Some(None)`: null, which transformers 4 takes for the global one.
    #[serde(default, deserialize_with = "named")]
    pub(super) local_rope_theta: Option<Option<f64>>,
    pub(super) rope_parameters: Option<Map<String, Value>>,
    pub(super) rope_scaling: Option<Value>,
}

/// DeBERTa.
#[derive(Deserialize)]
pub(super) struct DisentangledRaw {
    pub(super) relative_attention: Option<bool>,
    pub(super) max_relative_positions: Option<i64>,
    pub(super) position_buckets: Option<i64>,
    pub(super) pos_att_type: Option<Terms>,
    pub(super) share_att_key: Option<bool>,
    pub(super) norm_rel_ebd: Option<String>,
    pub(super) position_biased_input: Option<bool>,
    pub(super) conv_kernel_size: Option<i64>,
}

/// `"c2p|p2c"` or `["c2p", "p2c"]`.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Terms {
    Line(String),
    List(Vec<String>),
}

/// Tells a null from a key that is not there.
fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<f64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
