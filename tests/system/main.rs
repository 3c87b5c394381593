//! homing as its users meet it: the two binaries, real purchases, files, HTTP, and what can go wrong.

#[cfg(test)]
mod backups;
#[cfg(test)]
mod campaigns;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod crm_backend;
#[cfg(test)]
mod data_scientist;
#[cfg(test)]
mod documentation;
#[cfg(test)]
mod encryption;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod long_batch;
#[cfg(test)]
mod nightly_batch;
#[cfg(test)]
mod object_store;
#[cfg(test)]
#[path = "../support/postgres.rs"]
mod postgres;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod service_operator;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod stores;
#[cfg(test)]
mod support;
#[cfg(test)]
mod under_load;
