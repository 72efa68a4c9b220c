//! Tables of where tokens stand to each other: made once per model, read by every attention.

use super::config::Disentangled;

/// MPNet's bucket of a key that stands `distance` tokens behind its query (before it, if negative): one each for distances
/// below 8, then two per doubling; 16 for either side (Raffel et al. 2019, arXiv 1910.10683, with their 32 buckets and 128).
pub(super) fn bucket(distance: isize) -> usize {
    let far = distance.unsigned_abs();
    let side = if distance > 0 { 16 } else { 0 };
    // 8 + floor(2 log2(far / 8)), without a logarithm that could fall on the other side of an integer.
    let doublings = || (1..=7).filter(|&half| far.saturating_mul(far) >= 64 << half).count();
    side + if far < 8 { far } else { 8 + doublings() }
}

/// The row of DeBERTa's table for a query that stands `distance` tokens behind its key: middle plus distance, or plus the
/// distance's bucket, where those beyond half the span stand in logarithmic ones.
pub(super) fn row(distance: isize, disentangled: &Disentangled) -> u32 {
    let far = distance.unsigned_abs();
    let middle = disentangled.span / 2;
    let bucket = match disentangled.farthest {
        Some(farthest) if far > middle => {
            let logarithm = |x: usize| (x as f64 / middle as f64).ln();
            let steps = logarithm(far) / logarithm(farthest - 1) * (middle - 1) as f64;
            steps.ceil() as usize + middle
        }
        _ => far,
    };
    // The rows are 0 to twice the span.
    let row = if distance < 0 { disentangled.span.saturating_sub(bucket) } else { disentangled.span + bucket };
    row.min(2 * disentangled.span - 1) as u32
}

/// The cosines or sines of the first positions' angles, positions x d/2.
///
/// Angles are rounded to f32 where torch rounds them: at position 8,000 the rounding is 2e-4 of a radian, and the model has
/// learnt with it.
pub(super) fn angles(theta: f64, positions: usize, head: usize, of: fn(f64) -> f64) -> Vec<f32> {
    let half = head / 2;
    let frequency = |pair: usize| {
        let exponent = (2 * pair) as f32 / head as f32;
        1.0 / theta.powf(f64::from(exponent)) as f32
    };
    let frequencies: Vec<f32> = (0..half).map(frequency).collect();
    let row =
        |position: usize| frequencies.iter().map(move |frequency| of(f64::from(position as f32 * frequency)) as f32);
    (0..positions).flat_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_those_of_torch_at_their_edges() {
        // `MPNetEncoder.relative_position_bucket` of transformers 5.24, run on -200 to 200: where each bucket begins.
        let begins = [8, 12, 16, 23, 32, 46, 64, 91];
        for (step, &begin) in begins.iter().enumerate() {
            assert_eq!((bucket(-begin), bucket(1 - begin)), (8 + step, 7 + step), "{begin}");
            assert_eq!((bucket(begin), bucket(begin - 1)), (24 + step, 23 + step), "{begin}");
        }
        assert_eq!([0, 1, -1, 7, -7, isize::MAX, isize::MIN].map(bucket), [0, 17, 1, 23, 7, 31, 15]);
    }

    #[test]
    fn rows_are_those_of_torch() {
        // `make_log_bucket_position` plus the span, clamped to the table, of transformers 5.24.
        let settings = |span, farthest| Disentangled {
            span,
            farthest: Some(farthest),
            content_to_position: true,
            position_to_content: true,
            shared: true,
            normed: true,
        };
        let version_3 = settings(256, 512);
        let distances =
            [-2000, -600, -511, -300, -129, -128, -5, 0, 1, 127, 128, 129, 130, 200, 256, 400, 500, 510, 511, 700];
        let rows = [0, 0, 1, 49, 127, 128, 251, 256, 257, 383, 384, 385, 386, 425, 448, 489, 510, 511, 511, 511];
        assert_eq!(distances.map(|distance| row(distance, &version_3)), rows);
        let tiny = settings(8, 40);
        let distances = [-511, -5, 0, 1, 4, 5, 6, 17, 20, 39, 2000];
        assert_eq!(distances.map(|distance| row(distance, &tiny)), [0, 3, 8, 9, 12, 13, 13, 14, 15, 15, 15]);
        // Without buckets, every distance up to the span has its row.
        let plain = Disentangled { farthest: None, ..settings(10, 10) };
        assert_eq!(
            [-2000, -10, -9, 0, 9, 10, isize::MAX].map(|distance| row(distance, &plain)),
            [0, 0, 1, 10, 19, 19, 19]
        );
    }

    #[test]
    fn angles_are_rounded_where_torch_rounds_them() {
        // In f64 throughout, the first cosines would be off by up to 1e-4.
        let of = |theta, head, at: usize, function: fn(f64) -> f64| -> Vec<f32> {
            let table = angles(theta, at + 1, head, function);
            table.chunks_exact(head / 2).last().unwrap_or_default().iter().copied().take(4).collect()
        };
        let assert_close = |ours: Vec<f32>, theirs: [f32; 4]| {
            assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 2e-7), "{ours:?} {theirs:?}");
        };
        assert_close(of(160_000.0, 64, 8191, f64::cos), [-0.646_390_5, -0.959_715_7, -0.955_609_74, 0.834_803_04]);
        assert_close(of(160_000.0, 64, 8191, f64::sin), [-0.763_006_8, 0.280_972_78, 0.294_635_36, -0.550_548_73]);
        assert_close(of(10_000.0, 16, 23, f64::cos), [-0.532_833_04, 0.548_645_26, -0.666_276, 0.746_956_35]);
    }
}
