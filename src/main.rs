//! `homing`: scores customers, keeps their profiles, serves both.

use std::process::ExitCode;

/// A batch frees on one thread what another allocated, and a service allocates for every reply: both go a good deal
/// faster with this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    homing::cli::main()
}
