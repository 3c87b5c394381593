//! Telling the business: tags, profiles, the scoring API, the batch and the pages.

pub mod api;
pub mod campaign;
pub mod cli;
pub mod playbook;
pub mod profiles;
pub mod scoring;
pub mod survey;
pub mod tags;
pub mod web;
