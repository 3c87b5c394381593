//! Data that can be read and are odd all the same.

#[cfg(test)]
mod cases;
