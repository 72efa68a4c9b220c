use super::super::{Sampling, choose};

/// Computed from the published algorithms in another language.
#[test]
fn the_draw_never_changes() {
    assert_eq!(choose(Sampling::Random, 42, 1_000, 8), [37, 158, 218, 277, 342, 736, 800, 866]);
    assert_eq!(choose(Sampling::Random, 0, 10, 9), [0, 1, 2, 4, 5, 6, 7, 8, 9]);
    assert_eq!(
        choose(Sampling::Random, u64::MAX, 10_000_000, 5),
        [2_194_819, 4_262_344, 7_055_706, 8_939_425, 9_125_969]
    );
}

#[test]
fn no_more_rows_than_wanted_are_all_taken_in_file_order() {
    for sampling in [Sampling::Random, Sampling::First] {
        assert_eq!(choose(sampling, 7, 5, 5), [0, 1, 2, 3, 4]);
        assert_eq!(choose(sampling, 7, 5, 1_000), [0, 1, 2, 3, 4]);
        assert!(choose(sampling, 7, 0, 3).is_empty());
        assert!(choose(sampling, 7, 3, 0).is_empty());
    }
}

#[test]
fn the_first_rows_ignore_the_seed() {
    assert_eq!(choose(Sampling::First, 1, 10, 3), [0, 1, 2]);
    assert_eq!(choose(Sampling::First, 2, 10, 3), [0, 1, 2]);
}

#[test]
fn no_row_is_drawn_twice_and_file_order_is_kept() {
    for seed in 0..200 {
        for wanted in [1, 2, 50, 99] {
            let rows = choose(Sampling::Random, seed, 100, wanted);
            assert_eq!(rows.len(), wanted);
            assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(rows.iter().all(|row| *row < 100));
        }
    }
}

#[test]
fn no_row_is_favoured() {
    // 20,000 draws of 5 out of 20: each row 5,000 times, with a standard deviation of 61.
    let mut drawn = [0_u32; 20];
    for seed in 0..20_000 {
        for row in choose(Sampling::Random, seed, 20, 5) {
            drawn[row] += 1;
        }
    }
    assert!(drawn.iter().all(|times| times.abs_diff(5_000) < 5 * 61), "{drawn:?}");
}
