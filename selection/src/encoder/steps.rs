//! The row-wise steps between matrix products on the CPU, each one pass over memory.
//!
//! As chains of whole-tensor operators, with exp and erf one number at a time through libm, they would cost as much time
//! as the products. Here they are loops over slices that the compiler vectorises.

use super::config::Activation;
use super::functions::{exp, gelu, gelu_tanh, highest, relu, silu, sum};
use super::weights::{Norm, Rotation};
use crate::simd::{RowStep, each_row};

/// `x + bias` for every row of `x`; `bias` is as wide as a row.
pub(super) fn add_bias(x: &mut [f32], bias: &[f32]) {
    each_row(x, bias.len(), AddBias(bias));
}

/// `activation(x + bias)` for every row of `x`; `bias` is as wide as a row.
pub(super) fn activate(x: &mut [f32], bias: &[f32], activation: Activation) {
    let width = bias.len();
    match activation {
        Activation::Gelu => each_row(x, width, Activate(bias, gelu)),
        Activation::GeluTanh => each_row(x, width, Activate(bias, gelu_tanh)),
        Activation::Relu => each_row(x, width, Activate(bias, relu)),
        Activation::Silu => each_row(x, width, Activate(bias, silu)),
    }
}

/// The layer norm of every row of `x` (T x D), to which the norm's bias has been added already.
pub(super) fn normalise(x: &mut [f32], norm: &Norm<Vec<f32>>, epsilon: f32) {
    each_row(x, norm.weight.len(), Normalise { norm, epsilon });
}

/// `softmax(scale x)` for every row of this width; `scale` is positive.
pub(super) fn softmax(x: &mut [f32], width: usize, scale: f32) {
    each_row(x, width, Softmax { scale });
}

/// `x * (gates + bias)`, number by number; `bias` is as wide as a row.
pub(super) fn gate(x: &mut [f32], gates: &mut [f32], bias: &[f32]) {
    add_bias(gates, bias);
    for (x, gate) in x.iter_mut().zip(gates) {
        *x *= *gate;
    }
}

/// Rotates the heads in the first `rotated` numbers of every row of this width by the angles of its position: of a head's d
/// numbers, those of the first half with those of the second (Su et al. 2021, arXiv 2104.09864, equation 34, in the order of
/// GPT-NeoX).
pub(super) fn rotate(x: &mut [f32], width: usize, rotated: usize, positions: &[u32], rotation: &Rotation<Vec<f32>>) {
    let half = rotation.half;
    for (row, &position) in x.chunks_exact_mut(width).zip(positions) {
        let angles = position as usize * half..(position as usize + 1) * half;
        // Every position of a text has its angles: no text is longer than the table.
        let cosines = rotation.cosines.get(angles.clone()).unwrap_or_default();
        let sines = rotation.sines.get(angles).unwrap_or_default();
        for head in row.chunks_exact_mut(2 * half).take(rotated / (2 * half)) {
            let (first, second) = head.split_at_mut(half);
            for (((a, b), cosine), sine) in first.iter_mut().zip(second).zip(cosines).zip(sines) {
                (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
            }
        }
    }
}

struct AddBias<'a>(&'a [f32]);

impl RowStep for AddBias<'_> {
    #[inline(always)]
    fn row(&self, row: &mut [f32]) {
        for (x, b) in row.iter_mut().zip(self.0) {
            *x += b;
        }
    }
}

struct Activate<'a, F>(&'a [f32], F);

impl<F: Fn(f32) -> f32> RowStep for Activate<'_, F> {
    #[inline(always)]
    fn row(&self, row: &mut [f32]) {
        for (x, b) in row.iter_mut().zip(self.0) {
            *x = self.1(*x + b);
        }
    }
}

struct Normalise<'a> {
    norm: &'a Norm<Vec<f32>>,
    epsilon: f32,
}

impl RowStep for Normalise<'_> {
    /// The variance is that of the centred values, not the difference of two large sums.
    #[inline(always)]
    fn row(&self, row: &mut [f32]) {
        let width = row.len() as f32;
        let mean = sum(row, |x| x) / width;
        for x in row.iter_mut() {
            *x -= mean;
        }
        let scale = (sum(row, |x| x * x) / width + self.epsilon).sqrt().recip();
        for ((x, w), s) in row.iter_mut().zip(&self.norm.weight).zip(&self.norm.shift) {
            *x = *x * scale * w + s;
        }
    }
}

struct Softmax {
    scale: f32,
}

impl RowStep for Softmax {
    #[inline(always)]
    fn row(&self, row: &mut [f32]) {
        // Smaller weights than e^-80 change no sum, and divided by it they could be subnormal: products of those take a
        // hundred times as long. What is hidden is among them.
        const LEAST: f32 = -80.0;
        let highest = highest(row);
        for x in row.iter_mut() {
            let power = self.scale * (*x - highest);
            *x = if power < LEAST { 0.0 } else { exp(power) };
        }
        let share = sum(row, |x| x).recip();
        for x in row.iter_mut() {
            *x *= share;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves(count: usize, frequency: f32) -> Vec<f32> {
        (0..count).map(|i| 3.0 * (i as f32 * frequency).sin()).collect()
    }

    fn assert_close(ours: &[f32], exact: impl Iterator<Item = f64>, bound: f64) {
        let differences = ours.iter().zip(exact).map(|(&ours, exact)| (f64::from(ours) - exact).abs());
        let worst = differences.fold(0.0, f64::max);
        assert!(worst < bound, "{worst}");
    }

    fn softmax_in_f64(row: &[f32], scale: f64) -> Vec<f64> {
        let powers: Vec<f64> = row.iter().map(|&x| (scale * f64::from(x)).exp()).collect();
        powers.iter().map(|power| power / powers.iter().sum::<f64>()).collect()
    }

    #[test]
    fn rows_of_any_width_are_whole() {
        // Widths around the lanes' number: nothing may be left out, and nothing counted twice.
        for width in (1..40).chain([384, 401]) {
            let x = waves(3 * width, 0.7);
            let mut ours = x.clone();
            softmax(&mut ours, width, 0.5);
            let exact = x.chunks_exact(width).flat_map(|row| softmax_in_f64(row, 0.5));
            assert_close(&ours, exact, 5e-7);

            let norm = Norm { bias: Vec::new(), weight: waves(width, 1.3), shift: waves(width, 0.3) };
            let mut ours = x.clone();
            normalise(&mut ours, &norm, 1e-5);
            let exact = x.chunks_exact(width).flat_map(|row| {
                let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / width as f64;
                let variance = row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / width as f64;
                let scaled = row.iter().map(move |&x| (f64::from(x) - mean) / (variance + 1e-5).sqrt());
                let parameters = norm.weight.iter().zip(&norm.shift);
                scaled.zip(parameters).map(|(x, (&w, &s))| x * f64::from(w) + f64::from(s)).collect::<Vec<_>>()
            });
            assert_close(&ours, exact, 2e-5);

            let bias = waves(width, 0.1);
            let mut ours = x.clone();
            activate(&mut ours, &bias, Activation::Silu);
            let sums = x.chunks_exact(width).flat_map(|row| row.iter().zip(&bias).map(|(x, b)| f64::from(x + b)));
            assert_close(&ours, sums.map(|x| x / (1.0 + (-x).exp())), 3e-6);
        }
    }

    #[test]
    fn softmax_survives_what_would_overflow() {
        let mut x = vec![3e38, -3e38, 3e38, 0.0];
        softmax(&mut x, 4, 1.0);
        assert_close(&x, [0.5, 0.0, 0.5, 0.0].into_iter(), 1e-7);
        let mut x = vec![1000.0, 1000.0, 999.0];
        softmax(&mut x, 3, 1.0);
        assert_close(&x, softmax_in_f64(&[1.0, 1.0, 0.0], 1.0).into_iter(), 1e-6);
    }

    #[test]
    fn hidden_and_vanishing_weights_are_zero_and_never_subnormal() {
        let mut x = vec![f32::NEG_INFINITY, 0.0, -79.0, -85.0, -100.0];
        x.resize(4096, 0.0);
        softmax(&mut x, 4096, 1.0);
        assert_eq!([x.first(), x.get(3), x.get(4)], [Some(&0.0); 3]);
        assert!(x.iter().all(|&x| x == 0.0 || x.is_normal()));
        assert!(x.get(2).is_some_and(|&x| x > 0.0));
    }

    #[test]
    fn norm_survives_a_large_mean() {
        // The difference of two sums would lose all digits here: mean 4096, deviation 1.
        let mut x = vec![4095.0, 4097.0, 4095.0, 4097.0];
        let norm = Norm { bias: Vec::new(), weight: vec![1.0; 4], shift: vec![0.0; 4] };
        normalise(&mut x, &norm, 1e-12);
        assert_eq!(x, [-1.0, 1.0, -1.0, 1.0]);
    }
}
