//! The vector that is being filled, and what is kept from one customer to the next.

use std::collections::HashMap;

use homing_datasets::Order;

use super::spec::F;

/// Buffers that are kept from one customer to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) orders: Vec<Order>,
    pub(super) gaps: Vec<f64>,
    pub(super) values: Vec<f64>,
    pub(super) seen: Vec<i32>,
    pub(super) products: HashMap<u32, Rebuy>,
}

/// When a product was bought, and how long it took to buy it again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rebuy {
    pub last: i32,
    pub gaps: u32,
    pub sum: f64,
}

/// The vector that is being filled.
pub(super) struct Row<'a> {
    pub out: &'a mut [f64],
    pub today: i32,
}

impl Row<'_> {
    pub fn set(&mut self, feature: F, value: f64) {
        self.out[feature as usize] = value;
    }

    /// Days between a local day and today, 0 for today.
    pub fn ago(&self, day: i32) -> i32 {
        self.today - day
    }
}

/// log((a + c) / (b + c)).
pub(super) fn log_ratio(a: f64, b: f64, c: f64) -> f64 {
    ((a + c) / (b + c)).ln()
}
