//! What the families call the parts of their layers.

use super::super::config::Architecture;

/// What a family calls the parts of a layer.
pub(super) struct Names {
    /// What stands before a layer's number.
    pub(super) layer: &'static str,
    /// Queries, keys and values, or all three in one.
    pub(super) qkv: &'static [&'static str],
    pub(super) attention_output: &'static str,
    pub(super) attention_norm: &'static str,
    pub(super) up: &'static str,
    pub(super) down: &'static str,
    pub(super) output_norm: &'static str,
}

impl Names {
    pub(super) fn of(architecture: Architecture) -> &'static Self {
        match architecture {
            Architecture::Bert
            | Architecture::Roberta
            | Architecture::XlmRoberta
            | Architecture::Camembert
            | Architecture::Electra => &BERT,
            Architecture::DistilBert => &DISTILBERT,
            Architecture::MpNet => &MPNET,
            Architecture::ModernBert => &MODERNBERT,
            Architecture::DebertaV2 => &DEBERTA,
            Architecture::Albert => &ALBERT,
        }
    }
}

const BERT: Names = Names {
    layer: "encoder.layer.",
    qkv: &["attention.self.query", "attention.self.key", "attention.self.value"],
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    output_norm: "output.LayerNorm",
};

const DISTILBERT: Names = Names {
    layer: "transformer.layer.",
    qkv: &["attention.q_lin", "attention.k_lin", "attention.v_lin"],
    attention_output: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    up: "ffn.lin1",
    down: "ffn.lin2",
    output_norm: "output_layer_norm",
};

const MPNET: Names = Names {
    qkv: &["attention.attn.q", "attention.attn.k", "attention.attn.v"],
    attention_output: "attention.attn.o",
    attention_norm: "attention.LayerNorm",
    ..BERT
};

const DEBERTA: Names =
    Names { qkv: &["attention.self.query_proj", "attention.self.key_proj", "attention.self.value_proj"], ..BERT };

const ALBERT: Names = Names {
    layer: "encoder.albert_layer_groups.",
    qkv: &["attention.query", "attention.key", "attention.value"],
    attention_output: "attention.dense",
    attention_norm: "attention.LayerNorm",
    up: "ffn",
    down: "ffn_output",
    output_norm: "full_layer_layer_norm",
};

/// Norms stand before what reads them: the one after a layer is the next layer's, under its name, or the last of all.
const MODERNBERT: Names = Names {
    layer: "layers.",
    qkv: &["attn.Wqkv"],
    attention_output: "attn.Wo",
    attention_norm: "mlp_norm",
    up: "mlp.Wi",
    down: "mlp.Wo",
    output_norm: "attn_norm",
};
