//! `homing-train`: from purchase history to a model, and what the data and the model are worth.

/// As in `homing`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    homing_training::cli::main()
}
