//! How alike maps are, and points in a plane, against the plain computation.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use esmhub_selection::{Embeddings, Labels, ScoreError, SplitMix64, Target, layout};
use esmhub_store_format::{DenseMap, LowRankMap, Map};

fn normal(random: &mut SplitMix64) -> f64 {
    (0..12).map(|_| (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64).sum::<f64>() - 6.0
}

fn target(rows: usize, dimension: usize, seed: u64) -> (Embeddings, Target) {
    let mut random = SplitMix64::new(seed);
    let values = (0..rows * dimension).map(|_| (normal(&mut random) + 0.7) as f32).collect();
    let x = Embeddings::new(dimension, values).unwrap();
    let labels = Labels::Numbers((0..rows).map(|row| row as f64).collect());
    (x.clone(), Target::new(&x, &labels).unwrap())
}

fn dense(dimension: usize, seed: u64) -> DenseMap {
    let mut random = SplitMix64::new(seed);
    let identity = |at: usize| if at.is_multiple_of(dimension + 1) { 1.0 } else { 0.0 };
    let weight = (0..dimension * dimension).map(|at| (identity(at) + 0.3 * normal(&mut random)) as f32).collect();
    let bias = (0..dimension).map(|_| normal(&mut random) as f32).collect();
    DenseMap::new(weight, bias).unwrap()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

fn mapped(map: &DenseMap, x: &Embeddings) -> Vec<Vec<f64>> {
    let row = |x: &[f32]| {
        let outputs = map.weight().chunks_exact(x.len()).zip(map.bias());
        outputs.map(|(w, &b)| f64::from(b) + dot(&wide(w), &wide(x))).collect()
    };
    x.iter().map(row).collect()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Linear CKA by its definition with Gram matrices: `<H K H, H L H> / (|H K H| |H L H|)`.
fn cka(f: &[Vec<f64>], g: &[Vec<f64>]) -> f64 {
    let n = f.len();
    let centred = |f: &[Vec<f64>]| {
        let k: Vec<Vec<f64>> = f.iter().map(|a| f.iter().map(|b| dot(a, b)).collect()).collect();
        let mean: Vec<f64> = k.iter().map(|row| row.iter().sum::<f64>() / n as f64).collect();
        let all = mean.iter().sum::<f64>() / n as f64;
        let at = |i: usize, j: usize| k[i][j] - mean[i] - mean[j] + all;
        (0..n * n).map(|at_| at(at_ / n, at_ % n)).collect::<Vec<f64>>()
    };
    let (k, l) = (centred(f), centred(g));
    dot(&k, &l) / (dot(&k, &k) * dot(&l, &l)).sqrt()
}

#[test]
fn distance_of_two_shapes_is_that_of_their_alignment() {
    for (rows, dimension) in [(40, 6), (9, 20), (128, 5)] {
        let (x, target) = target(rows, dimension, 3);
        let (a, b) = (dense(dimension, 1), dense(dimension, 2));
        let shape = |map: &DenseMap| target.shape(Some(&Map::Dense(map.clone()))).unwrap();
        let expected = (2.0 - 2.0 * cka(&mapped(&a, &x), &mapped(&b, &x))).sqrt();
        let found = distance(&shape(&a), &shape(&b));
        assert!((found - expected).abs() < 1e-9, "{rows} x {dimension}: {found} against {expected}");
        let plain: Vec<Vec<f64>> = x.iter().map(wide).collect();
        let expected = (2.0 - 2.0 * cka(&mapped(&a, &x), &plain)).sqrt();
        let found = distance(&shape(&a), &target.shape(None).unwrap());
        assert!((found - expected).abs() < 1e-9, "{rows} x {dimension}: {found} against {expected}");
    }
}

/// What leaves a score as it is must not move a map: turning, scaling and shifting the mapped space.
#[test]
fn maps_that_act_alike_are_at_one_place() {
    let (_, target) = target(300, 4, 5);
    let at = |weight: [f32; 16], bias: [f32; 4]| {
        target.shape(Some(&Map::Dense(DenseMap::new(weight.to_vec(), bias.to_vec()).unwrap()))).unwrap()
    };
    let turned = [0., 3., 0., 0., -3., 0., 0., 0., 0., 0., 0., 3., 0., 0., -3., 0.];
    let plain = target.shape(None).unwrap();
    assert!(distance(&at(turned, [5.0, -1.0, 0.0, 2.0]), &plain) < 1e-7);
    let squeezed = [1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 0.1, 0., 0., 0., 0., 0.1];
    assert!(distance(&at(squeezed, [0.0; 4]), &plain) > 0.1);
}

#[test]
fn map_that_forgets_everything_has_no_shape_and_no_noise() {
    let (_, target) = target(50, 4, 5);
    let constant = DenseMap::new(vec![0.0; 16], vec![1e6, -3.0, 0.1, 7.0]).unwrap();
    assert!(target.shape(Some(&Map::Dense(constant))).unwrap().iter().all(|&value| value == 0.0));
}

#[test]
fn low_rank_map_lies_where_its_dense_twin_does() {
    let (_, target) = target(200, 10, 7);
    let mut random = SplitMix64::new(8);
    let mut values = |count: usize| (0..count).map(|_| normal(&mut random) as f32).collect::<Vec<f32>>();
    let low = LowRankMap::new(0.8, values(60), values(10)).unwrap();
    let twin = Map::LowRank(low.clone()).to_dense().unwrap().into_owned();
    let at = |map: Map| target.shape(Some(&map)).unwrap();
    assert!(distance(&at(Map::LowRank(low)), &at(Map::Dense(twin))) < 1e-5);
}

#[test]
fn other_dimension_is_refused() {
    let (_, target) = target(20, 4, 1);
    let found = target.shape(Some(&Map::Dense(dense(5, 1))));
    assert_eq!(found, Err(ScoreError::Dimension { expected: 4, found: 5 }));
}

#[test]
fn few_rows_are_enough_and_more_are_not_kept() {
    for (rows, compared) in [(50, 50), (128, 128), (1000, 128)] {
        let (_, target) = target(rows, 3, 1);
        assert_eq!(target.rows_compared(), compared);
        assert_eq!(target.shape(None).unwrap().len(), compared * (compared + 1) / 2);
    }
}

/// Torgerson's matrix from the distances themselves, and its leading eigenvectors by powers of it.
fn by_definition(points: &[Vec<f64>]) -> (Vec<[f64; 2]>, f64) {
    let n = points.len();
    let squares: Vec<Vec<f64>> =
        points.iter().map(|a| points.iter().map(|b| distance(a, b).powi(2)).collect()).collect();
    let mean: Vec<f64> = squares.iter().map(|row| row.iter().sum::<f64>() / n as f64).collect();
    let all = mean.iter().sum::<f64>() / n as f64;
    let mut b: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| -0.5 * (squares[i][j] - mean[i] - mean[j] + all)).collect()).collect();
    let trace: f64 = (0..n).map(|i| b[i][i]).sum();
    let mut positions = vec![[0.0; 2]; n];
    let mut shown = 0.0;
    for axis in [0, 1] {
        let mut vector: Vec<f64> = (0..n).map(|i| 1.0 + (i as f64 * 1.7).sin()).collect();
        for _ in 0..5000 {
            let next: Vec<f64> = b.iter().map(|row| dot(row, &vector)).collect();
            let length = dot(&next, &next).sqrt();
            vector = next.iter().map(|value| value / length).collect();
        }
        let value: f64 = dot(&vector, &b.iter().map(|row| dot(row, &vector)).collect::<Vec<_>>());
        shown += value;
        let sign = vector[0].signum();
        for (i, position) in positions.iter_mut().enumerate() {
            position[axis] = sign * value.sqrt() * vector[i];
            for (j, entry) in b[i].iter_mut().enumerate() {
                *entry -= value * vector[i] * vector[j];
            }
        }
    }
    (positions, shown / trace)
}

#[test]
fn plane_is_that_of_the_distances() {
    let mut random = SplitMix64::new(4);
    for (count, dimension) in [(12, 7), (5, 40), (30, 3)] {
        // Of different spread in each direction, so that powers converge.
        let points: Vec<Vec<f64>> = (0..count)
            .map(|_| (0..dimension).map(|i| 3.0 + normal(&mut random) / f64::from(i as u32 + 1)).collect())
            .collect();
        let found = layout(&points).unwrap();
        let (positions, share) = by_definition(&points);
        assert!((found.share - share).abs() < 1e-9, "{} against {share}", found.share);
        for (found, expected) in found.positions.iter().zip(&positions) {
            assert!(distance(found, expected) < 1e-7, "{found:?} against {expected:?}");
        }
        assert!(found.positions[0].iter().all(|&coordinate| coordinate >= 0.0));
    }
}

#[test]
fn odd_numbers_of_points_have_their_place() {
    for points in [vec![], vec![vec![1.0, 2.0]], vec![vec![1.0, 2.0]; 3], vec![vec![]; 2]] {
        let found = layout(&points).unwrap();
        assert_eq!((found.positions, found.share), (vec![[0.0; 2]; points.len()], 1.0));
    }
    let two = layout(&[vec![0.0, 0.0], vec![3.0, 4.0]]).unwrap();
    assert!((distance(&two.positions[0], &two.positions[1]) - 5.0).abs() < 1e-12);
    assert_eq!(layout(&[vec![f64::NAN], vec![0.0]]), Err(ScoreError::NotFinite));
}
