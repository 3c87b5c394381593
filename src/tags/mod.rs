//! Tags: what a history and its scores mean in the CRM's own words.
