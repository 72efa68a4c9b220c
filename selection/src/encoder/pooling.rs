//! How the hidden states of a text's tokens become its one embedding.

pub use esmhub_store_format::card::{Pooling, PoolingError};

use super::EncoderError;
use super::config::{Architecture, setting_error, short};

/// As hfselect 0.2.1 pools a model that it knows under this id (`get_pooled_output`), whatever its files say: a BERT by its mean where
/// `sentence-transformers` stands in the id, else by its pooler output. `None` of families that it does not know.
pub fn hfselect_pooling(architecture: Architecture, id: &str) -> Option<Pooling> {
    match architecture {
        Architecture::Bert if id.contains("sentence-transformers") => Some(Pooling::Mean),
        Architecture::Bert => Some(Pooling::Pooler),
        Architecture::DistilBert | Architecture::Roberta => Some(Pooling::Cls),
        _ => None,
    }
}

/// What a folder without sentence-transformers files gives: what the family's classifiers read.
///
/// Where hfselect knows the family, that is its rule (`get_pooled_output`): BERT gives its pooler output, DistilBERT and RoBERTa
/// the state of their first token. A sentence-transformers folder says itself what it wants; hfselect obeys it for BERT only,
/// and only the mean. ALBERT has BERT's pooler; of ModernBERT config.json says which of two it is.
pub(super) fn of_plain(architecture: Architecture, classifier: Option<&str>) -> Result<Pooling, EncoderError> {
    match architecture {
        Architecture::Bert | Architecture::Albert => Ok(Pooling::Pooler),
        Architecture::DistilBert
        | Architecture::Roberta
        | Architecture::XlmRoberta
        | Architecture::Camembert
        | Architecture::MpNet
        | Architecture::DebertaV2
        | Architecture::Electra => Ok(Pooling::Cls),
        Architecture::ModernBert => match classifier {
            None | Some("cls") => Ok(Pooling::Cls),
            Some("mean") => Ok(Pooling::Mean),
            Some(other) => Err(setting_error("classifier_pooling", short(other), "cls or mean")),
        },
    }
}
