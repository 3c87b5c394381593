//! homing.
fn main() {}
