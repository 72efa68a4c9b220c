//! Functions of one number, without branches and without libm, so that loops over them are vectorised.

/// The sum of `map` over the values.
#[inline(always)]
pub(super) fn sum(values: &[f32], map: impl Fn(f32) -> f32) -> f32 {
    reduce(values, 0.0, |sum, x| sum + map(x), |a, b| a + b)
}

/// The highest of the values.
#[inline(always)]
pub(super) fn highest(values: &[f32]) -> f32 {
    let higher = |a, b| if b > a { b } else { a };
    reduce(values, f32::NEG_INFINITY, higher, higher)
}

/// Folds into sixteen interleaved partial results, which are then joined in pairs: one would be a chain that cannot be
/// vectorised.
#[inline(always)]
fn reduce(values: &[f32], empty: f32, add: impl Fn(f32, f32) -> f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [empty; 16];
    let (chunks, rest) = values.as_chunks::<16>();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = add(*lane, x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = add(*lane, x);
    }
    for half in [8, 4, 2, 1] {
        let (low, high) = lanes.split_at_mut(half);
        for (low, &mut high) in low.iter_mut().zip(high) {
            *low = join(*low, high);
        }
    }
    let [result, ..] = lanes;
    result
}

/// e^x with a relative error below 3e-7; arguments beyond ±87 give what ±87 gives.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2; e^r is its Taylor polynomial of degree 7, whose error there is 5e-9.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Added and taken away again, 1.5 * 2^23 rounds to an integer, which then stands in the lowest bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts: n times the first is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 87.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let coefficients = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let series = coefficients.iter().fold(0.0, |sum, c| sum * r + c);
    series * f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23))
}

/// `x Phi(x)` with erf by Abramowitz and Stegun 7.1.26, whose absolute error is at most 1.5e-7.
#[inline(always)]
pub(super) fn gelu(x: f32) -> f32 {
    const P: f32 = 0.327_591_1;
    const A: [f32; 5] = [1.061_405_4, -1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6];
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + P * z);
    let polynomial = A.iter().fold(0.0, |sum, a| sum * t + a) * t;
    // Half the probability beyond |x| on both sides.
    let tail = 0.5 * polynomial * exp(-z * z);
    x.max(0.0) - x.abs() * tail
}

/// Gelu's tanh form, `x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`.
#[inline(always)]
pub(super) fn gelu_tanh(x: f32) -> f32 {
    const SLOPE: f32 = 1.595_769;
    // (1 + tanh y) / 2 = 1 / (1 + exp(-2y)); the constant is 2 sqrt(2 / pi).
    x / (1.0 + exp(-SLOPE * (x + 0.044_715 * x * x * x)))
}

/// `max(x, 0)`.
#[inline(always)]
pub(super) fn relu(x: f32) -> f32 {
    x.max(0.0)
}

/// `x / (1 + exp(-x))`.
#[inline(always)]
pub(super) fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(from: f64, to: f64, steps: u32) -> impl Iterator<Item = f64> {
        (0..=steps).map(move |i| from + (to - from) * f64::from(i) / f64::from(steps))
    }

    #[test]
    fn exp_is_within_its_bound() {
        for x in grid(-86.0, 86.0, 100_000) {
            let exact = f64::from(x as f32).exp();
            assert!((f64::from(exp(x as f32)) / exact - 1.0).abs() < 3e-7, "{x}");
        }
        assert!(exp(-1e30) < 1e-37 && exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn gelu_is_within_its_bound_of_the_integral_of_the_normal_density() {
        // Phi by Simpson's rule, which owes nothing to any erf.
        let density = |x: f64| (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
        for x in grid(-9.0, 9.0, 721) {
            let step = x / 400.0;
            let inner: f64 = (1..400).map(|i| density(step * f64::from(i)) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
            let phi = 0.5 + step / 3.0 * (density(0.0) + inner + density(x));
            assert!((f64::from(gelu(x as f32)) - x * phi).abs() < 8e-7, "{x}");
        }
    }
}
