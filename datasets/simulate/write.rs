//! The simulated chain as Parquet files, streamed: memory holds some thousand customers a thread at a time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::builder::{Float32Builder, Float64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, Date32Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use rayon::prelude::*;
use serde::Serialize;

use super::goods::Season;
use super::{Chain, Simulated};
use crate::table::WriteError;

/// Customers in a file: a part of the promise that the same seed gives the same bytes.
const PART: u64 = 25_000;
/// Customers that are in memory at once, in each thread.
const BATCH: u64 = 1_000;

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Written {
    /// True customers.
    pub customers: u64,
    /// Records of the sources.
    pub records: u64,
    /// Events.
    pub events: u64,
    /// Files.
    pub files: u64,
}

/// Writes `events/`, `members/` and `truth/` below a folder; see `docs/simulation.md` for their columns.
///
/// # Errors
/// [`WriteError`]: a folder in the way, no rights, no space. Parts that are whole stay.
pub fn write(chain: &Chain, folder: &Path, progress: &(dyn Fn(u64) + Sync)) -> Result<Written, WriteError> {
    for name in FOLDERS {
        let path = folder.join(name);
        let refused = |cause: String| WriteError::Io { path: path.clone(), cause };
        if path.exists() {
            return Err(refused("it already exists; choose another folder, or remove it".to_owned()));
        }
        fs::create_dir_all(&path).map_err(|cause| refused(cause.to_string()))?;
    }
    let season = Season::new(chain.first_day(), chain.days + 1);
    let parts: Vec<u64> = (0..chain.customers.div_ceil(PART)).collect();
    let done = AtomicU64::new(0);
    let counts: Vec<Written> = parts
        .par_iter()
        .map(|&part| {
            write_part(chain, &season, folder, part, &|count| {
                progress(done.fetch_add(count, Ordering::Relaxed) + count);
            })
        })
        .collect::<Result<_, _>>()?;
    let mut all = Written { customers: chain.customers, ..Written::default() };
    for one in counts {
        all.records += one.records;
        all.events += one.events;
        all.files += one.files;
    }
    Ok(all)
}

const FOLDERS: [&str; 3] = ["events", "members", "truth"];

fn write_part(
    chain: &Chain,
    season: &Season,
    folder: &Path,
    part: u64,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Written, WriteError> {
    let mut outs = FOLDERS.map(|name| Out::new(folder.join(name).join(format!("part-{part:05}.parquet"))));
    let mut written = Written { files: 3, ..Written::default() };
    let (mut number, end) = (part * PART, ((part + 1) * PART).min(chain.customers));
    while number < end {
        let next = (number + BATCH).min(end);
        let lived: Vec<Simulated> = (number..next).map(|n| chain.simulate(season, n)).collect();
        written.events += lived.iter().map(|one| one.events.len() as u64).sum::<u64>();
        written.records += lived.iter().map(|one| one.records.len() as u64).sum::<u64>();
        outs[0].write(events(&lived))?;
        outs[1].write(members(&lived))?;
        outs[2].write(truths(&lived))?;
        progress(next - number);
        number = next;
    }
    for out in outs {
        out.close()?;
    }
    Ok(written)
}

/// A file that is given its name when it is whole.
struct Out {
    path: PathBuf,
    draft: PathBuf,
    writer: Option<ArrowWriter<File>>,
}

impl Out {
    fn new(path: PathBuf) -> Self {
        let draft = path.with_extension("tmp");
        Out { path, draft, writer: None }
    }

    fn refused(&self, cause: &dyn std::fmt::Display) -> WriteError {
        WriteError::Io { path: self.path.clone(), cause: cause.to_string() }
    }

    fn write(&mut self, columns: Vec<(&'static str, ArrayRef)>) -> Result<(), WriteError> {
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, array)| (name, array, true)),
        )
        .map_err(|cause| self.refused(&cause))?;
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                let level = ZstdLevel::try_new(1).unwrap_or_default();
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(level))
                    .set_created_by("homing".to_owned())
                    .set_max_row_group_row_count(Some(250_000))
                    .build();
                let file = File::create(&self.draft).map_err(|cause| self.refused(&cause))?;
                ArrowWriter::try_new(file, batch.schema(), Some(properties))
                    .map_err(|cause| self.refused(&cause))?
            }
        };
        writer.write(&batch).map_err(|cause| self.refused(&cause))?;
        self.writer = Some(writer);
        Ok(())
    }

    fn close(mut self) -> Result<(), WriteError> {
        if let Some(writer) = self.writer.take() {
            writer.close().map_err(|cause| self.refused(&cause))?;
        }
        fs::rename(&self.draft, &self.path).map_err(|cause| self.refused(&cause))
    }
}

fn events(lived: &[Simulated]) -> Vec<(&'static str, ArrayRef)> {
    let mut texts: [StringBuilder; 8] = std::array::from_fn(|_| StringBuilder::new());
    let (mut occurred, mut recorded) =
        (TimestampMicrosecondBuilder::new(), TimestampMicrosecondBuilder::new());
    let (mut amount, mut quantity) = (Float64Builder::new(), Float32Builder::new());
    for one in lived {
        for event in &one.events {
            let values = [
                Some(one.customer_id.as_str()),
                one.record_of(event).map(|record| record.record_id.as_str()),
                Some(event.kind.name()),
                event.order.as_deref(),
                event.product.as_deref(),
                event.category.as_deref(),
                event.channel.as_deref(),
                event.promotion.as_deref(),
            ];
            for (builder, value) in texts.iter_mut().zip(values) {
                builder.append_option(value);
            }
            occurred.append_value(event.occurred_at);
            recorded.append_option((event.recorded_at > event.occurred_at).then_some(event.recorded_at));
            amount.append_value(event.amount);
            quantity.append_value(event.quantity);
        }
    }
    let [customer, record, kind, order, product, category, channel, promotion] =
        texts.map(|mut builder| Arc::new(builder.finish()) as ArrayRef);
    vec![
        ("customer_id", customer),
        ("record_id", record),
        ("occurred_at", Arc::new(occurred.finish().with_timezone("UTC"))),
        ("recorded_at", Arc::new(recorded.finish().with_timezone("UTC"))),
        ("kind", kind),
        ("amount", Arc::new(amount.finish())),
        ("quantity", Arc::new(quantity.finish())),
        ("order_id", order),
        ("product_id", product),
        ("category", category),
        ("channel", channel),
        ("promotion", promotion),
    ]
}

fn text<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(values))
}

fn members(lived: &[Simulated]) -> Vec<(&'static str, ArrayRef)> {
    let all = || lived.iter().flat_map(|one| &one.records);
    vec![
        ("source", text(all().map(|r| Some(r.source)))),
        ("record_id", text(all().map(|r| Some(r.record_id.as_str())))),
        ("name", text(all().map(|r| r.name.as_deref()))),
        ("phone", text(all().map(|r| r.phone.as_deref()))),
        ("member_id", text(all().map(|r| r.member_id.as_deref()))),
        ("open_id", text(all().map(|r| r.open_id.as_deref()))),
        ("email", text(all().map(|r| r.email.as_deref()))),
        ("registered_on", Arc::new(Date32Array::from_iter(all().map(|r| Some(r.registered_day))))),
    ]
}

/// One row a record, so that the file answers "who is this record" and "what is true of this customer" alike.
fn truths(lived: &[Simulated]) -> Vec<(&'static str, ArrayRef)> {
    let all = || lived.iter().flat_map(|one| one.records.iter().map(move |record| (one, record)));
    let day = |of: &dyn Fn(&Simulated) -> Option<i32>| -> ArrayRef {
        Arc::new(Date32Array::from_iter(all().map(|(one, _)| of(one))))
    };
    vec![
        ("record_id", text(all().map(|(_, record)| Some(record.record_id.as_str())))),
        ("customer_id", text(all().map(|(one, _)| Some(one.customer_id.as_str())))),
        ("state", text(all().map(|(one, _)| Some(one.truth.state.name())))),
        ("cause", text(all().map(|(one, _)| Some(one.truth.cause.name())))),
        ("fades_on", day(&|one| one.truth.fades_day)),
        ("leaves_on", day(&|one| one.truth.leaves_day)),
        ("stage", text(all().map(|(one, _)| one.truth.stage.map(|stage| stage.name())))),
        ("next_stage", text(all().map(|(one, _)| one.truth.next_stage.map(|(stage, _)| stage.name())))),
        ("next_stage_on", day(&|one| one.truth.next_stage.map(|(_, day)| day))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ReadOptions, read};

    fn bytes(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut all = Vec::new();
        for name in FOLDERS {
            for entry in fs::read_dir(folder.join(name)).unwrap() {
                let path = entry.unwrap().path();
                all.push((path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap()));
            }
        }
        all.sort();
        all
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
        let dir = tempfile::tempdir().unwrap();
        let chain = Chain { customers: 3_000, seed: 4, ..Chain::default() };
        let run = |name: &str, threads: usize, chain: Chain| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let folder = dir.path().join(name);
            let written = pool.install(|| write(&chain, &folder, &|_| {})).unwrap();
            (written, bytes(&folder))
        };
        let (written, one) = run("one", 1, chain);
        let (_, four) = run("four", 4, chain);
        assert!(one == four);
        assert!(written.events > 60_000 && written.records > 3_000, "{written:?}");
        let (_, other) = run("other", 2, Chain { seed: 5, ..chain });
        assert!(one != other);
    }

    #[test]
    fn the_events_read_back_and_nothing_is_rejected() {
        let dir = tempfile::tempdir().unwrap();
        let chain = Chain { customers: 800, seed: 9, ..Chain::default() };
        let written = write(&chain, dir.path(), &|_| {}).unwrap();
        let folder = dir.path().join("events").display().to_string();
        let (histories, summary) = read(&[folder], &ReadOptions::default()).unwrap();
        assert_eq!(summary.rejected.values().sum::<u64>(), 0);
        assert_eq!(summary.events, written.events);
        assert!(histories == chain.histories().unwrap());
    }

    #[test]
    fn what_is_there_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let chain = Chain { customers: 10, ..Chain::default() };
        write(&chain, dir.path(), &|_| {}).unwrap();
        let error = write(&chain, dir.path(), &|_| {}).unwrap_err();
        assert!(error.to_string().contains("already exists"), "{error}");
    }
}
