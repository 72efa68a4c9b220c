//! What each row of a target is labelled with: a class or a number.

/// One label per row, in the order of the rows.
///
/// ```
/// use esmhub_selection::Labels;
/// let labels = Labels::Classes { names: vec!["ham".into(), "spam".into()], y: vec![1, 0, 0] };
/// assert_eq!(labels.len(), 3);
/// assert_eq!(labels.select(&[2, 0]), Labels::Classes { names: vec!["ham".into(), "spam".into()], y: vec![0, 1] });
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Labels {
    /// Classification.
    Classes {
        /// The classes in their fixed order: strings sorted by their bytes, numbers by their value. No name twice.
        names: Vec<String>,
        /// For each row, the position of its class in `names`; every value is below `names.len()`.
        y: Vec<u32>,
    },
    /// Regression: one finite number per row.
    Numbers(Vec<f64>),
}

impl Labels {
    /// The number of labelled rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes { y, .. } => y.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    /// Whether there is no row at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels of the rows at these positions, in this order; positions past the end are left out.
    ///
    /// The classes stay as they are, also those that no chosen row has.
    pub fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Classes { names, y } => {
                Self::Classes { names: names.clone(), y: rows.iter().filter_map(|&row| y.get(row).copied()).collect() }
            }
            Self::Numbers(numbers) => Self::Numbers(rows.iter().filter_map(|&row| numbers.get(row).copied()).collect()),
        }
    }
}
