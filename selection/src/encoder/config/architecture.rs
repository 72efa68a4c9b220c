//! The families of models.

use std::fmt;

use super::super::EncoderError;
use super::raw::Raw;
use super::{setting_error, short};

/// The families of models that can be loaded: `model_type` in config.json.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// `bert`: Devlin et al. 2018, arXiv 1810.04805. E5, BGE, GTE and MiniLM are of it, or of XLM-R.
    Bert,
    /// `distilbert`: Sanh et al. 2019, arXiv 1910.01108.
    DistilBert,
    /// `roberta`: Liu et al. 2019, arXiv 1907.11692.
    Roberta,
    /// `xlm-roberta`: Conneau et al. 2019, arXiv 1911.02116.
    XlmRoberta,
    /// `camembert`: Martin et al. 2019, arXiv 1911.03894.
    Camembert,
    /// `mpnet`: Song et al. 2020, arXiv 2004.09297.
    MpNet,
    /// `modernbert`: Warner et al. 2024, arXiv 2412.13663.
    ModernBert,
    /// `deberta-v2`: He et al. 2020, arXiv 2006.03654, and version 3, arXiv 2111.09543.
    DebertaV2,
    /// `electra`: Clark et al. 2020, arXiv 2003.10555.
    Electra,
    /// `albert`: Lan et al. 2019, arXiv 1909.11942.
    Albert,
}

impl Architecture {
    const ALL: [Self; 10] = [
        Self::Bert,
        Self::DistilBert,
        Self::Roberta,
        Self::XlmRoberta,
        Self::Camembert,
        Self::MpNet,
        Self::ModernBert,
        Self::DebertaV2,
        Self::Electra,
        Self::Albert,
    ];

    /// Whether positions are counted from the padding token's id + 1, as fairseq did.
    pub(in super::super) fn counts_from_padding(self) -> bool {
        matches!(self, Self::Roberta | Self::XlmRoberta | Self::Camembert | Self::MpNet)
    }

    /// What the table of words is called, which every model has.
    pub(in super::super) fn words(self) -> &'static str {
        match self {
            Self::ModernBert => "embeddings.tok_embeddings.weight",
            _ => "embeddings.word_embeddings.weight",
        }
    }

    /// What `layer_norm_eps` is where config.json does not say it.
    pub(super) fn default_epsilon(self) -> f64 {
        match self {
            Self::ModernBert => 1e-5,
            Self::DebertaV2 => 1e-7,
            _ => 1e-12,
        }
    }

    fn model_type(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::DistilBert => "distilbert",
            Self::Roberta => "roberta",
            Self::XlmRoberta => "xlm-roberta",
            Self::Camembert => "camembert",
            Self::MpNet => "mpnet",
            Self::ModernBert => "modernbert",
            Self::DebertaV2 => "deberta-v2",
            Self::Electra => "electra",
            Self::Albert => "albert",
        }
    }

    /// By `model_type`; where that is missing, a config of the first BERT checkpoints, which name no type.
    pub(super) fn of(raw: &Raw) -> Result<Self, EncoderError> {
        let class = raw.architectures.as_deref().and_then(<[_]>::first);
        let (setting, found) = match (&raw.model_type, class) {
            (Some(name), _) => ("model_type", name),
            (None, Some(class)) if class.starts_with("Bert") => return Ok(Self::Bert),
            (None, Some(class)) => ("architectures", class),
            (None, None) if raw.hidden_size.is_some() => return Ok(Self::Bert),
            (None, None) => ("model_type", &"missing".to_owned()),
        };
        Self::ALL.into_iter().find(|known| known.model_type() == found).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(ToString::to_string).collect();
            setting_error(setting, short(found), format!("one of {}", known.join(", ")))
        })
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.model_type())
    }
}
