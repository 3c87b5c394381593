//! The whole system as processes: a scheduler, two executors, jobs; beside `homing score` on one machine.
//!
//! Needs the binaries `homing` and `homing-train` of homing's own build: in the folder that HOMING_BIN names, else in
//! `target/release` above.

#[cfg(test)]
mod functions;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod support;
