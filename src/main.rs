//! `homing`: scores customers, keeps their profiles, serves both.

use std::process::ExitCode;

fn main() -> ExitCode {
    homing::cli::main()
}
