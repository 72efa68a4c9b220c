//! How the hidden states of a text's tokens become its one embedding.

pub use esmhub_store_format::card::{Pooling, PoolingError};

use super::config::Architecture;

/// What a folder without sentence-transformers files gives. hfselect's rule (its `get_pooled_output`): BERT gives its pooler
/// output, DistilBERT and RoBERTa the state of their first token. A sentence-transformers folder says itself what it wants;
/// hfselect obeys it for BERT only, and only the mean.
pub(super) fn of_plain(architecture: Architecture) -> Pooling {
    match architecture {
        Architecture::Bert => Pooling::Pooler,
        Architecture::DistilBert | Architecture::Roberta | Architecture::XlmRoberta | Architecture::Camembert => {
            Pooling::Cls
        }
    }
}
