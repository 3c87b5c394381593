//! `homing-train`: from purchase history to a model, and what the data and the model are worth.

mod cli;

/// As in `homing`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
