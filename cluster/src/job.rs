//! Jobs: count the lines, then make histories and look at them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ballista_core::extension::{SessionConfigExt, SessionStateExt};
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, StringArray, StructArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::cast::{
    as_int64_array, as_large_binary_array, as_string_array, as_struct_array, as_timestamp_microsecond_array,
};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::functions::core::expr_fn::get_field;
use datafusion::functions_aggregate::expr_fn::{count, max};
use datafusion::logical_expr::{Expr, ident, lit};
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use datafusion::scalar::ScalarValue;
use futures::StreamExt;
use homing_datasets::engine::SnapshotFolder;
use homing_datasets::{Micros, Shard};
use serde::Serialize;

use crate::functions::WITHOUT_CUSTOMER;
use crate::input::{EVENT, Purchases, events};
use crate::output::Output;
use crate::{Error, Functions};

/// Largest message between client, scheduler and executors: a plan names each file.
pub const MESSAGE_BYTES: usize = 64 << 20;

/// A connection to a cluster.
#[derive(Clone)]
pub struct Cluster {
    session: SessionContext,
    functions: Functions,
}

/// What the lines were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// All lines.
    pub lines: u64,
    /// Events taken in.
    pub events: u64,
    /// Lines whose customer is empty: left out, and no rejects.
    pub without_customer: u64,
    /// Rejected lines by the code of their cause.
    pub rejected: BTreeMap<String, u64>,
    /// The instant of the last event.
    #[serde(skip)]
    pub last_instant: Option<Micros>,
}

/// What a result holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Rows: one a customer.
    pub customers: u64,
    /// Of which scored, or with features.
    pub scored: u64,
    /// The others, by cause.
    pub not_scored: BTreeMap<String, u64>,
}

/// What is made of each history.
#[derive(Clone, Debug)]
pub enum Ask {
    /// The scores of a model, by its id.
    Scores {
        /// `name@version`.
        model: String,
        /// When the score is computed.
        scored_at: Micros,
    },
    /// The features.
    Features,
    /// The history itself, in the bytes of the store: what [`Cluster::snapshot`] asks for. No table is made of it.
    Histories,
}

impl Cluster {
    /// Connects to a scheduler at `host:port`. Customers are spread over so many `partitions`.
    ///
    /// # Errors
    /// [`Error::Engine`] when the address is none.
    pub fn connect(scheduler: &str, partitions: usize, functions: Functions) -> Result<Cluster, Error> {
        let config = SessionConfig::new_with_ballista()
            .with_target_partitions(partitions)
            .with_ballista_job_name("homing")
            .with_ballista_grpc_client_max_message_size(MESSAGE_BYTES)
            // Scoring costs far more than its bytes tell: partitions that look small must not be put together.
            .with_ballista_adaptive_query_planner(false)
            .with_ballista_coalesce_enabled(false);
        let state = SessionStateBuilder::new().with_default_features().with_config(config).build();
        let mut state = state.upgrade_for_ballista(format!("http://{scheduler}"))?;
        functions.register(&mut state)?;
        Ok(Cluster { session: SessionContext::new_with_state(state), functions })
    }

    /// The same functions in this process alone, without a cluster.
    ///
    /// # Errors
    /// [`Error::Engine`] when a function cannot be registered.
    pub fn local(functions: Functions) -> Result<Cluster, Error> {
        let mut state = SessionStateBuilder::new().with_default_features().build();
        functions.register(&mut state)?;
        Ok(Cluster { session: SessionContext::new_with_state(state), functions })
    }

    /// The session, for plans of one's own.
    #[must_use]
    pub fn session(&self) -> &SessionContext {
        &self.session
    }

    /// Reads all lines once and counts what they are.
    ///
    /// # Errors
    /// [`Error`] of files or cluster, [`Error::NoEvent`] or, past `max_rejects` (a share of the lines that have a
    /// customer), [`Error::TooManyRejects`].
    pub async fn tally(&self, purchases: &Purchases, max_rejects: f64) -> Result<Tally, Error> {
        let events = events(&self.session, &self.functions, purchases).await?;
        let counted = events
            .aggregate(
                vec![get_field(ident(EVENT), "cause").alias("cause")],
                vec![
                    // Of whole events, not of rows: asked only for fields, the engine makes each event once a field.
                    count(ident(EVENT)).alias("lines"),
                    max(get_field(ident(EVENT), "occurred_at")).alias("last"),
                ],
            )?
            .collect()
            .await?;
        let mut tally = Tally::default();
        for batch in &counted {
            let causes = as_string_array(batch.column(0))?;
            let lines = as_int64_array(batch.column(1))?;
            let last = as_timestamp_microsecond_array(batch.column(2))?;
            for row in 0..batch.num_rows() {
                let count = lines.value(row).unsigned_abs();
                tally.lines += count;
                match causes.is_valid(row).then(|| causes.value(row)) {
                    None => {
                        tally.events += count;
                        tally.last_instant = Some(last.value(row));
                    }
                    Some(WITHOUT_CUSTOMER) => tally.without_customer += count,
                    Some(cause) => *tally.rejected.entry(cause.to_owned()).or_default() += count,
                }
            }
        }
        tally.check(max_rejects)?;
        Ok(tally)
    }

    /// Makes the history of each customer, asks for something about it as of an instant, and writes one row a
    /// customer, sorted by its id. When the engine fails in the middle the job is run again, up to `attempts`
    /// times in all.
    ///
    /// # Errors
    /// [`Error`] of files, cluster or output; [`Error::FilesChanged`] when there are not as many events as in the
    /// tally. Nothing stands at `out` then.
    pub async fn write(
        &self,
        purchases: &Purchases,
        tally: &Tally,
        ask: &Ask,
        as_of: Micros,
        out: &Path,
        attempts: u32,
    ) -> Result<Written, Error> {
        let mut attempt = 1;
        loop {
            match self.write_once(purchases, tally, ask, as_of, out).await {
                Err(error) if error.passes(attempt, attempts) => attempt += 1,
                done => return done,
            }
        }
    }

    /// Makes the history of each customer and writes a snapshot of them, from which `homing score --snapshot` goes on. Of a
    /// shard, only its customers. Tried anew as [`Cluster::write`] is.
    ///
    /// # Errors
    /// As of [`Cluster::write`]; the folder then holds what it held.
    pub async fn snapshot(
        &self,
        purchases: &Purchases,
        tally: &Tally,
        folder: &mut SnapshotFolder,
        shard: Option<Shard>,
        attempts: u32,
    ) -> Result<(), Error> {
        let mut attempt = 1;
        loop {
            match self.snapshot_once(purchases, tally, folder, shard).await {
                Err(error) if error.passes(attempt, attempts) => attempt += 1,
                done => return done,
            }
        }
    }

    async fn snapshot_once(
        &self,
        purchases: &Purchases,
        tally: &Tally,
        folder: &mut SnapshotFolder,
        shard: Option<Shard>,
    ) -> Result<(), Error> {
        let frame = self.plan(purchases, &Ask::Histories, 0).await?;
        let mut stream = frame.execute_stream().await?;
        let mut rewrite = folder.rewrite()?;
        let mut events = 0;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            events += as_int64_array(batch.column(1))?.iter().flatten().map(i64::unsigned_abs).sum::<u64>();
            let ids = cast(batch.column(0), &DataType::Utf8).map_err(DataFusionError::from)?;
            let (ids, histories) = (as_string_array(&ids)?, as_large_binary_array(batch.column(2))?);
            for (id, history) in ids.iter().zip(histories).filter_map(|(id, history)| id.zip(history)) {
                if shard.is_none_or(|shard| shard.has(id)) {
                    rewrite.add(id, history)?;
                }
            }
        }
        if events != tally.events {
            return Err(Error::FilesChanged { counted: tally.events, scored: events });
        }
        Ok(rewrite.finish(purchases.zone, shard)?)
    }

    async fn write_once(
        &self,
        purchases: &Purchases,
        tally: &Tally,
        ask: &Ask,
        as_of: Micros,
        out: &Path,
    ) -> Result<Written, Error> {
        let frame = self.plan(purchases, ask, as_of).await?;
        let mut output = Output::begin(out)?;
        let mut stream = frame.execute_stream().await?;
        let mut schema = None;
        let (mut written, mut events) = (Written::default(), 0);
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            events += as_int64_array(batch.column(1))?.iter().flatten().map(i64::unsigned_abs).sum::<u64>();
            let rows = flat(batch.column(0), as_struct_array(batch.column(2))?)?;
            written.count(&rows);
            schema = Some(rows.schema());
            output.write(&rows)?;
        }
        if events != tally.events {
            return Err(Error::FilesChanged { counted: tally.events, scored: events });
        }
        output.finish(schema.unwrap_or_else(|| Arc::new(Schema::empty())))?;
        Ok(written)
    }

    /// The plan of a job: columns `customer_id`, `events`, `answer` (a struct, or the bytes of a history), sorted by customer.
    ///
    /// # Errors
    /// [`Error`] of files or functions.
    pub async fn plan(&self, purchases: &Purchases, ask: &Ask, as_of: Micros) -> Result<DataFrame, Error> {
        let answer = match ask {
            Ask::Scores { model, scored_at } => self.functions.predict.call(vec![
                ident("history"),
                lit(model.clone()),
                instant(as_of),
                instant(*scored_at),
            ]),
            Ask::Features => {
                let zone = lit(purchases.zone.to_string());
                self.functions.features.call(vec![ident("history"), zone, instant(as_of)])
            }
            Ask::Histories => ident("history"),
        };
        let events = events(&self.session, &self.functions, purchases).await?;
        let histories = events.aggregate(
            vec![get_field(ident(EVENT), "customer_id").alias("customer_id")],
            vec![
                self.functions.history.call(vec![ident(EVENT)]).alias("history"),
                count(get_field(ident(EVENT), "occurred_at")).alias("events"),
            ],
        )?;
        // Lines without a customer and rejects make one group without a name and without an event.
        let customers = histories.filter(ident("events").gt(lit(0_i64)))?;
        let answers =
            customers.select(vec![ident("customer_id"), ident("events"), answer.alias("answer")])?;
        Ok(answers.sort(vec![ident("customer_id").sort(true, true)])?)
    }
}

impl Tally {
    fn check(&self, max_rejects: f64) -> Result<(), Error> {
        let rejected: u64 = self.rejected.values().sum();
        let with_customer = self.lines - self.without_customer;
        let commonest = self.rejected.iter().rev().max_by_key(|&(_, &count)| count);
        if let Some((cause, &most)) = commonest
            && rejected as f64 / with_customer as f64 > max_rejects
        {
            return Err(Error::TooManyRejects {
                rejected,
                lines: with_customer,
                max_share: max_rejects,
                cause: cause.clone(),
                most,
            });
        }
        if self.events == 0 {
            let (lines, without_customer) = (self.lines, self.without_customer);
            return Err(Error::NoEvent { lines, without_customer, rejected });
        }
        Ok(())
    }
}

impl Written {
    fn count(&mut self, rows: &RecordBatch) {
        self.customers += rows.num_rows() as u64;
        let causes = rows.column_by_name("not_scored").and_then(|c| c.as_any().downcast_ref::<StringArray>());
        for cause in causes.into_iter().flat_map(StringArray::iter).flatten() {
            *self.not_scored.entry(cause.to_owned()).or_default() += 1;
        }
        self.scored = self.customers - self.not_scored.values().sum::<u64>();
    }
}

fn instant(at: Micros) -> Expr {
    Expr::Literal(ScalarValue::TimestampMicrosecond(Some(at), Some("UTC".into())), None)
}

/// The customer and the columns of the answer side by side, as one machine writes them.
fn flat(customers: &ArrayRef, answer: &StructArray) -> Result<RecordBatch, Error> {
    let customer: Arc<Field> = Field::new("customer_id", customers.data_type().clone(), true).into();
    let fields = std::iter::once(customer).chain(answer.fields().iter().cloned());
    let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let columns = std::iter::once(customers.clone()).chain(answer.columns().iter().cloned()).collect();
    RecordBatch::try_new(schema, columns).map_err(|error| Error::from(DataFusionError::from(error)))
}
