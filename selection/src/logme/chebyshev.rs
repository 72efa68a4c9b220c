//! Chebyshev series of a function that is known at the Chebyshev nodes of an interval.

use std::f64::consts::PI;

/// `sum c_k T_k(x)`, where x in -1..=1 stands for an interval.
pub(crate) struct Series {
    centre: f64,
    half_width: f64,
    coefficients: Vec<f64>,
}

/// The nodes: the zeros of `T_count`, stretched to the interval.
pub(crate) fn nodes(count: usize, low: f64, high: f64) -> impl Iterator<Item = f64> {
    let (centre, half_width) = (0.5 * (low + high), 0.5 * (high - low));
    (0..count).map(move |j| centre + half_width * angle(j, count).cos())
}

fn angle(j: usize, count: usize) -> f64 {
    PI * (j as f64 + 0.5) / count as f64
}

impl Series {
    /// The series through these values at the [`nodes`] of the interval (a discrete cosine transform).
    pub(crate) fn through(values: &[f64], low: f64, high: f64) -> Self {
        let count = values.len();
        let coefficient = |k: usize| {
            let sum: f64 = values.iter().enumerate().map(|(j, value)| value * (k as f64 * angle(j, count)).cos()).sum();
            sum * if k == 0 { 1.0 } else { 2.0 } / count as f64
        };
        Self {
            centre: 0.5 * (low + high),
            half_width: 0.5 * (high - low),
            coefficients: (0..count).map(coefficient).collect(),
        }
    }

    /// The function (Clenshaw's recurrence).
    pub(crate) fn at(&self, place: f64) -> f64 {
        let x = (place - self.centre) / self.half_width;
        let (mut next, mut second) = (0.0, 0.0);
        for &c in self.coefficients.iter().skip(1).rev() {
            (next, second) = (c + 2.0 * x * next - second, next);
        }
        self.coefficients.first().copied().unwrap_or_default() + x * next - second
    }

    /// Its derivative: `T_k' = k U_(k-1)`, and Clenshaw's recurrence for U.
    pub(crate) fn slope(&self, place: f64) -> f64 {
        let x = (place - self.centre) / self.half_width;
        let (mut next, mut second) = (0.0, 0.0);
        for (k, &c) in self.coefficients.iter().enumerate().skip(1).rev() {
            (next, second) = (k as f64 * c + 2.0 * x * next - second, next);
        }
        next / self.half_width
    }

    /// About what the series lacks, where each coefficient should be smaller than the one before by `exp(-rate)`. The last two
    /// are asked, because one of them can be small by accident or symmetry.
    pub(crate) fn tail(&self, rate: f64) -> f64 {
        let last = self.coefficients.iter().rev().take(2);
        last.zip(1..).map(|(c, steps)| c.abs() * (-rate * f64::from(steps)).exp()).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rational_function_of_exp_and_its_slope_are_met_to_ten_digits() {
        let function = |x: f64| 1.0 / (3.0 + x.exp());
        let slope = |x: f64| -x.exp() / (3.0 + x.exp()).powi(2);
        let values: Vec<f64> = nodes(16, 0.5, 2.5).map(function).collect();
        let series = Series::through(&values, 0.5, 2.5);
        for step in 0..=20 {
            let x = 0.5 + 0.1 * f64::from(step);
            assert!((series.at(x) - function(x)).abs() < 1e-11, "{x}");
            assert!((series.slope(x) - slope(x)).abs() < 1e-9, "{x}");
        }
        assert!(series.tail(1.8) < 1e-10);
    }
}
