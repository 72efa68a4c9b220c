//! How well a ranking agreed with what really came out.

/// Kendall's tau-b of two lists of the same length: the share of pairs that both order alike minus that of pairs that they order the
/// other way round, corrected for ties (Kendall 1945, Biometrika 33, 239). `None` below two values, or where one list is all ties.
///
/// Takes O(N^2).
pub fn kendall_tau(a: &[f64], b: &[f64]) -> Option<f64> {
    let (mut score, mut in_a, mut in_b) = (0_i64, 0_i64, 0_i64);
    let pairs: Vec<(f64, f64)> = a.iter().copied().zip(b.iter().copied()).collect();
    for (at, (a1, b1)) in pairs.iter().enumerate() {
        for (a2, b2) in pairs.iter().skip(at + 1) {
            let (a, b) = (sign(a1 - a2), sign(b1 - b2));
            score += a * b;
            in_a += a.abs();
            in_b += b.abs();
        }
    }
    let scale = (in_a as f64 * in_b as f64).sqrt();
    (scale > 0.0).then(|| score as f64 / scale)
}

fn sign(difference: f64) -> i64 {
    i64::from(difference > 0.0) - i64::from(difference < 0.0)
}

/// Regret at k: what the best of the k first by score loses against the best of all, as a share of the best (arXiv 2410.15148,
/// section 4). `scores` and `values` are of the same ESMs; a higher score ranks first, and `lower_is_better` is about the values.
///
/// `None` where there are no more than k (nothing could be missed), or the best value is 0. Of ESMs with equal
/// scores the worst counts as the first: a score that tells nothing apart is no good one.
pub fn regret(scores: &[f64], values: &[f64], k: usize, lower_is_better: bool) -> Option<f64> {
    let goodness = |value: f64| if lower_is_better { -value } else { value };
    let mut pairs: Vec<(f64, f64)> = scores.iter().copied().zip(values.iter().map(|value| goodness(*value))).collect();
    if k == 0 || pairs.len() <= k {
        return None;
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.total_cmp(&b.1)));
    let best =
        |pairs: &mut dyn Iterator<Item = &(f64, f64)>| pairs.map(|pair| pair.1).fold(f64::NEG_INFINITY, f64::max);
    let (all, first) = (best(&mut pairs.iter()), best(&mut pairs.iter().take(k)));
    (all != 0.0).then(|| (all - first) / all.abs())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn close(found: Option<f64>, expected: f64) {
        assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?}, expected {expected}");
    }

    /// The expected values are those of `scipy.stats.kendalltau`.
    #[test]
    fn tau_is_that_of_scipy_with_ties() {
        close(kendall_tau(&[1.0, 2.0, 3.0, 4.0], &[1.0, 2.0, 3.0, 4.0]), 1.0);
        close(kendall_tau(&[1.0, 2.0, 3.0, 4.0], &[4.0, 3.0, 2.0, 1.0]), -1.0);
        close(kendall_tau(&[12.0, 2.0, 1.0, 12.0, 2.0], &[1.0, 4.0, 7.0, 1.0, 0.0]), -0.471_404_520_791_031_7);
        close(kendall_tau(&[0.3, 0.1, 0.2, 0.5, 0.4, 0.4], &[1.0, 2.0, 2.0, 5.0, 4.0, 3.0]), 0.642_857_142_857_142_9);
        for (a, b) in [(vec![], vec![]), (vec![1.0], vec![1.0]), (vec![1.0, 1.0], vec![1.0, 2.0])] {
            assert_eq!(kendall_tau(&a, &b), None);
        }
    }

    #[test]
    fn regret_is_what_the_first_lose_against_the_best() {
        let (scores, values) = ([-0.1, -0.4, -0.2, -0.3], [0.80, 0.90, 0.85, 0.70]);
        close(regret(&scores, &values, 1, false), 0.1 / 0.9);
        close(regret(&scores, &values, 2, false), 0.05 / 0.9);
        close(regret(&scores, &values, 3, false), 0.05 / 0.9);
        assert_eq!(regret(&scores, &values, 4, false), None);
        assert_eq!(regret(&scores, &values, 0, false), None);
        // One score for all says nothing, in whichever order they come.
        close(regret(&[0.5; 3], &[0.9, 0.8, 0.7], 1, false), 0.2 / 0.9);
        close(regret(&[0.5; 3], &[0.7, 0.8, 0.9], 1, false), 0.2 / 0.9);
        // Errors: the lowest is the best.
        close(regret(&scores, &[0.2, 0.1, 0.15, 0.3], 1, true), 1.0);
        assert_eq!(regret(&[1.0, 2.0], &[0.0, -1.0], 1, false), None);
        close(regret(&[1.0, 2.0], &[-1.0, -2.0], 1, false), 1.0);
    }
}
