//! `esmhub`, the program; the library beside this file says what it is.

use std::process::ExitCode;

// Cargo.toml says why.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    esmhub::run()
}
