//! The service: the HTTP API, the pages, the command line and the nightly batch.

pub mod aggregates;
pub mod api;
pub mod backup;
pub mod campaign;
pub mod cli;
pub mod monitor;
pub mod scoring;
pub mod service;
pub mod uplift;
pub mod web;
