//! What the numbers of a ranking are, in words.

use esmhub_selection::Score;

use super::RankDocument;

/// A score in words.
pub(crate) struct Measure {
    /// At the head of a column.
    pub(crate) column: &'static str,
    /// On an axis: what it counts, and in which unit.
    pub(crate) unit: &'static str,
    /// "The score is …".
    pub(crate) meaning: &'static str,
    /// Whether there can be intervals.
    pub(crate) has_intervals: bool,
}

impl RankDocument {
    /// What its scores are.
    pub(crate) fn measure(&self) -> Measure {
        let (column, unit, meaning) = match (self.kind, self.target.classes) {
            (Score::Ridge, Some(_)) => (
                "Accuracy",
                "accuracy on held-out rows, from 0 to 1",
                "the share of rows whose class ridge regression on the mapped embeddings names, each row held out in one of five folds",
            ),
            (Score::Ridge, None) => (
                "R2",
                "R2 on held-out rows, at most 1",
                "R2 of ridge regression on the mapped embeddings, each row held out in one of five folds",
            ),
            (Score::HScore, _) => (
                "H-score",
                "regularised H-score, from 0 to classes less 1",
                "the regularised H-score of the mapped embeddings: how much of their variance is between the classes",
            ),
            (Score::TransRate, _) => (
                "TransRate",
                "TransRate, in nats",
                "the TransRate of the mapped embeddings: by how much their code gets shorter where the class is known",
            ),
            _ => (
                "Score",
                "log evidence per row",
                "the log evidence per row of the labels, given the mapped embeddings (LogME)",
            ),
        };
        Measure { column, unit, meaning, has_intervals: self.kind.is_of_rows() }
    }
}
