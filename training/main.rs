//! `homing-train`: from purchase history to a model, and what the data and the model are worth.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
