//! Whether two rankings can be expected to agree to the last bit.

/// The processor, which decides in what order sums are taken; `None` where it is not known, so that no bits are expected.
pub(super) fn machine() -> Option<String> {
    let known = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let model = known.lines().find_map(|line| line.strip_prefix("model name")?.trim_start().strip_prefix(':'))?.trim();
    let plain: String = model.chars().filter(|c| !c.is_control()).take(100).collect();
    (!plain.is_empty()).then(|| format!("{} {plain}", std::env::consts::ARCH))
}
