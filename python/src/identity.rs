//! Records of several sources joined into people, and the simulated chain.

use std::collections::BTreeMap;
use std::path::PathBuf;

use homing_datasets::frame::Frame as Rows;
use homing_datasets::identity::{Conflict, Hashing, Joiner, Moved, People, Rulings};
use homing_datasets::members::read_member_batches;
use homing_datasets::simulate::{Chain, write};
use homing_datasets::{Warning, Zone};
use pyo3::prelude::*;

use crate::errors::{Kind, Raise, invalid, raise};
use crate::frames::{self, Frame};
use crate::work;

/// How records are joined.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Joining {
    columns: BTreeMap<String, String>,
    /// Pairs of records that are one person.
    merge: Vec<(String, String)>,
    /// Records that are a person of their own.
    split: Vec<String>,
    hash_key: Option<Vec<u8>>,
    hashed: bool,
}

/// What was found: people, moves, conflicts; the report and what was read, as JSON; code, text and count of warnings.
pub type Found = (Frame, Option<Frame>, Frame, String, Vec<(&'static str, String, u64)>);

/// Joins member records into people.
#[pyfunction]
#[pyo3(signature = (members, joining, previous=None))]
pub fn identity(
    py: Python<'_>,
    members: &Bound<'_, PyAny>,
    joining: Joining,
    previous: Option<&Bound<'_, PyAny>>,
) -> PyResult<Found> {
    let hashing = match &joining.hash_key {
        None => Hashing::plain(),
        Some(secret) if secret.len() < 16 => {
            return Err(invalid("hash_key is shorter than 16 bytes; use a longer one"));
        }
        Some(secret) => Hashing::keyed(secret).map_err(Raise::raise)?,
    };
    let hashing = if joining.hashed { hashing.of_tokens() } else { hashing };
    let before = previous.map(people_of).transpose()?;
    let batches = frames::import(members)?;
    let rulings = Rulings { merged: joining.merge, alone: joining.split.into_iter().collect() };
    let columns = joining.columns;
    let (people, moved, report, read) = work::run(py, None, move |_| {
        let mut joiner = Joiner::new(hashing);
        let read = read_member_batches(batches, "members", &columns, &mut joiner)?;
        let (mut people, report) = joiner.finish(&rulings);
        let moved = before.map(|before| people.keep_ids(&before));
        Ok::<_, homing_datasets::Error>((people, moved, report, read))
    })?;
    let moved = moved.map(|moved| Frame::of(&Moved::table(&moved))).transpose()?;
    let warnings = report.warnings();
    let told = |one: &Warning| (one.code.name(), one.to_string(), one.count);
    let json = serde_json::to_string(&serde_json::json!({ "report": report, "read": read }))
        .map_err(|error| raise(Kind::Internal, "json", &error.to_string()))?;
    Ok((
        Frame::of(&people.table())?,
        moved,
        Frame::of(&Conflict::table(&report.listed))?,
        json,
        warnings.list().iter().map(told).collect(),
    ))
}

/// The people of an earlier run.
fn people_of(frame: &Bound<'_, PyAny>) -> PyResult<People> {
    let (schema, batches) = frames::import(frame)?;
    let rows = Rows::of_batches(schema, batches, "previous").map_err(Raise::raise)?;
    let (Some(records), Some(people)) = (rows.column("record_id"), rows.column("person_id")) else {
        return Err(invalid(
            "previous needs the columns record_id and person_id; give `.people` of an earlier run",
        ));
    };
    let pairs = (0..rows.rows()).filter_map(|row| records.text(row).zip(people.text(row)));
    Ok(People::from_pairs(pairs))
}

/// Writes the simulated chain as Parquet files below a folder.
#[pyfunction]
pub fn simulate(
    py: Python<'_>,
    customers: u64,
    days: i32,
    until: &str,
    seed: u64,
    folder: PathBuf,
) -> PyResult<()> {
    if !(1..=100_000_000).contains(&customers) || !(60..=10_000).contains(&days) {
        return Err(invalid(format!(
            "customers {customers}, days {days}; give 1 to 100,000,000 customers and 60 to 10,000 days"
        )));
    }
    let zone = Zone::default();
    let until_day = zone.day(zone.as_of(until).map_err(invalid)?);
    let chain = Chain { customers, seed, until_day, days };
    let written = py.detach(|| write(&chain, &folder, &|_| {}));
    written.map(|_| ()).map_err(|error| raise(Kind::Data, "write", &error.to_string()))
}
