//! The binary `homing-cluster`.

fn main() -> std::process::ExitCode {
    homing_cluster::cli::main()
}
