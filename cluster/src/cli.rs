//! The command line of `homing-cluster`.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::{Args, Parser, Subcommand};
use homing_datasets::calendar::NoInstant;
use homing_datasets::cli::pair;
use homing_datasets::engine::SnapshotFolder;
use homing_datasets::out;
use homing_datasets::{Shard, Zone, calendar};

use crate::input::Purchases;
use crate::job::{Ask, Cluster, Tally};
use crate::nodes::{self, Executor, Scheduler};
use crate::{Error, Functions, Models};

/// Features and scores of homing on a cluster.
#[derive(Parser)]
#[command(name = "homing-cluster", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the scheduler, one per cluster.
    Scheduler(SchedulerArgs),
    /// Runs an executor, one per machine.
    Executor(ExecutorArgs),
    /// Scores every customer of the files.
    Score(ScoreArgs),
    /// Computes the features of every customer of the files.
    Features(FeaturesArgs),
    /// Writes a snapshot of every customer's history, from which `homing score --snapshot` writes the profiles.
    Snapshot(SnapshotArgs),
}

#[derive(Args)]
struct SchedulerArgs {
    /// Address to listen on; port 0 picks a free one.
    #[arg(long, env = "HOMING_CLUSTER_LISTEN", default_value = "127.0.0.1:50050", value_name = "HOST:PORT")]
    listen: SocketAddr,
    #[command(flatten)]
    registry: RegistryArgs,
    /// Seconds without a heartbeat after which an executor counts as lost and its tasks are reassigned; at least 11.
    #[arg(long, env = "HOMING_CLUSTER_TIMEOUT", default_value_t = 20, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(nodes::SHORTEST_TIMEOUT_S..))]
    timeout: u64,
    /// Seconds after the end of a job until its shuffle files are removed.
    #[arg(long, env = "HOMING_CLUSTER_KEEP", default_value_t = 60, value_name = "SECONDS")]
    keep: u64,
    /// Executors that must be connected before /readyz reports ready.
    #[arg(long, env = "HOMING_CLUSTER_EXECUTORS", default_value_t = 1, value_name = "N")]
    executors: usize,
}

#[derive(Args)]
struct ExecutorArgs {
    #[command(flatten)]
    scheduler: SchedulerAt,
    #[command(flatten)]
    registry: RegistryArgs,
    /// Address to listen on, for the scheduler and the other executors.
    #[arg(long, env = "HOMING_CLUSTER_BIND", default_value = "127.0.0.1", value_name = "ADDRESS")]
    bind: String,
    /// Host name to advertise to them, if different from the listen address.
    #[arg(long, env = "HOMING_CLUSTER_ADVERTISE", value_name = "HOST")]
    advertise: Option<String>,
    /// Port for shuffle data; 0 picks a free one.
    #[arg(long, env = "HOMING_CLUSTER_PORT", default_value_t = 50051)]
    port: u16,
    /// Port for tasks; 0 picks a free one.
    #[arg(long, env = "HOMING_CLUSTER_TASK_PORT", default_value_t = 50052)]
    task_port: u16,
    /// Concurrent tasks. Default: the number of cores.
    #[arg(long, env = "HOMING_CLUSTER_CORES", value_name = "N")]
    cores: Option<usize>,
    /// Memory limit for all tasks before they spill to disk, e.g. 512MiB or 4GiB.
    #[arg(long, env = "HOMING_CLUSTER_MEMORY", default_value = "2GiB", value_name = "SIZE")]
    memory: String,
    /// Folder for shuffle and spill files.
    #[arg(long, env = "HOMING_CLUSTER_WORK", default_value = "homing-cluster-work", value_name = "DIR")]
    work: PathBuf,
    /// Seconds until shuffle files are removed without a request from the scheduler; must be longer than any job.
    #[arg(long, env = "HOMING_CLUSTER_SHUFFLE_KEEP", default_value_t = 43_200, value_name = "SECONDS")]
    shuffle_keep: u64,
}

#[derive(Args)]
struct ScoreArgs {
    #[command(flatten)]
    job: JobArgs,
    #[command(flatten)]
    registry: RegistryArgs,
    /// The model: NAME (its champion), NAME@VERSION or a version. Default: the champion, if the registry has one name.
    #[arg(long, env = "HOMING_MODEL", value_name = "NAME|VERSION")]
    model: Option<String>,
}

#[derive(Args)]
struct FeaturesArgs {
    #[command(flatten)]
    job: JobArgs,
    /// The business's time zone (IANA name), for calendar days and for times without an offset.
    #[arg(long, env = "HOMING_TIMEZONE", default_value = "UTC", value_name = "ZONE")]
    timezone: Zone,
}

#[derive(Args)]
struct SnapshotArgs {
    #[command(flatten)]
    lines: LinesArgs,
    /// The snapshot folder. Its content is replaced atomically.
    #[arg(long, env = "HOMING_SNAPSHOT", value_name = "DIR")]
    snapshot: PathBuf,
    /// Process only one shard of the customers, e.g. 3/16, for `homing score --shard 3/16`.
    #[arg(long, env = "HOMING_SHARD", value_name = "N/OF")]
    shard: Option<Shard>,
    /// The business's time zone (IANA name), for times without an offset; must match the model's.
    #[arg(long, env = "HOMING_TIMEZONE", default_value = "UTC", value_name = "ZONE")]
    timezone: Zone,
}

#[derive(Args)]
struct JobArgs {
    #[command(flatten)]
    lines: LinesArgs,
    /// Score as of this time: a date (end of day in the time zone) or a timestamp. Default: the last event.
    #[arg(long, env = "HOMING_AS_OF", value_name = "DATE")]
    as_of: Option<String>,
    /// Output with one row per customer, sorted by customer_id: a .parquet file, or a new folder of such files.
    #[arg(long, env = "HOMING_OUT", value_name = "FILE|DIR")]
    out: PathBuf,
}

#[derive(Args)]
struct LinesArgs {
    #[command(flatten)]
    scheduler: SchedulerAt,
    /// Purchase history: Parquet or CSV (also .gz and .zst); files, globs or folders that every machine sees under
    /// the same path.
    #[arg(long, env = "HOMING_PURCHASES", required = true, num_args = 1.., value_delimiter = ',', value_name = "PATH")]
    purchases: Vec<String>,
    /// Column names that differ from the standard, e.g. customer_id=member_no,amount=total.
    #[arg(long, env = "HOMING_COLUMNS", value_delimiter = ',', value_parser = pair, value_name = "KNOWN=OWN")]
    columns: Vec<(String, String)>,
    /// Fail if more than this share of the lines is rejected.
    #[arg(long, env = "HOMING_MAX_REJECTS", default_value_t = 0.01, value_name = "SHARE")]
    max_rejects: f64,
    /// Number of partitions for the customers; use a few per core of the cluster.
    #[arg(long, env = "HOMING_CLUSTER_PARTITIONS", default_value_t = 16, value_name = "N")]
    partitions: usize,
    /// Maximum attempts if the cluster fails.
    #[arg(long, env = "HOMING_CLUSTER_ATTEMPTS", default_value_t = 2, value_name = "N")]
    attempts: u32,
    /// Prints a JSON summary on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
}

#[derive(Args)]
struct SchedulerAt {
    /// Address of the scheduler.
    #[arg(
        long,
        env = "HOMING_CLUSTER_SCHEDULER",
        default_value = "127.0.0.1:50050",
        value_name = "HOST:PORT"
    )]
    scheduler: String,
}

#[derive(Args)]
struct RegistryArgs {
    /// The model registry; must have the same content on every machine.
    #[arg(long, env = "HOMING_REGISTRY", default_value = "registry", value_name = "DIR")]
    registry: PathBuf,
}

/// Runs the command line. Exit codes: 0 done, 1 failed, 2 wrong use.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    logging();
    // Plans are traversed recursively, so threads get deep stacks.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(32 << 20).build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(run(cli.command)),
        Err(cause) => Err(cause.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("homing-cluster: {error:#}");
            let wrong_use = error.is::<NoInstant>()
                || matches!(error.downcast_ref(), Some(Error::BadSize(_) | Error::OutputExists(_)));
            if wrong_use { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Scheduler(args) => {
            let functions = args.registry.functions().1;
            let options = Scheduler {
                listen: args.listen,
                timeout_s: args.timeout,
                keep_s: args.keep,
                executors: args.executors,
            };
            nodes::run_scheduler(&options, functions, |at| out!("listening on http://{at}")).await?;
        }
        Command::Executor(args) => {
            let functions = args.registry.functions().1;
            let cores =
                args.cores.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into));
            let options = Executor {
                memory: size(&args.memory)?,
                scheduler: args.scheduler.scheduler,
                bind: args.bind,
                advertise: args.advertise,
                ports: (args.port, args.task_port),
                cores,
                work: args.work,
                keep_s: args.shuffle_keep,
            };
            nodes::run_executor(&options, &functions).await?;
        }
        Command::Score(args) => {
            let (models, functions) = args.registry.functions();
            let bundle = models.find(args.model.as_deref())?;
            let zone = bundle.manifest().timezone;
            let ask = Ask::Scores { model: bundle.id().to_string(), scored_at: calendar::now() };
            args.job.run(functions, zone, &ask).await?;
        }
        Command::Features(args) => {
            let functions = Functions::new(Arc::new(Models::of("registry")));
            args.job.run(functions, args.timezone, &Ask::Features).await?;
        }
        Command::Snapshot(args) => args.run().await?,
    }
    Ok(())
}

impl RegistryArgs {
    fn functions(&self) -> (Arc<Models>, Functions) {
        let models = Arc::new(Models::of(&self.registry));
        (models.clone(), Functions::new(models))
    }
}

impl LinesArgs {
    /// Connects, and reads all lines once; the seconds that it took.
    async fn count(
        &self,
        functions: Functions,
        zone: Zone,
    ) -> anyhow::Result<(Cluster, Purchases, Tally, f64)> {
        let purchases = Purchases {
            paths: self.purchases.clone(),
            columns: self.columns.iter().cloned().collect(),
            zone,
        };
        let cluster = Cluster::connect(&self.scheduler.scheduler, self.partitions, functions)?;
        let start = Instant::now();
        let tally = cluster.tally(&purchases, self.max_rejects).await?;
        let seconds = start.elapsed().as_secs_f64();
        eprintln!("count: {} in {seconds:.1} s", shown(&tally));
        Ok((cluster, purchases, tally, seconds))
    }
}

impl JobArgs {
    async fn run(&self, functions: Functions, zone: Zone, ask: &Ask) -> anyhow::Result<()> {
        let as_of = self.as_of.as_ref().map(|text| zone.as_of(text)).transpose()?;
        let (cluster, purchases, tally, counted_s) = self.lines.count(functions, zone).await?;
        // A tally without an event is an error, so there is a last instant.
        let as_of = as_of.or(tally.last_instant).unwrap_or_default();
        let start = Instant::now();
        let written = cluster.write(&purchases, &tally, ask, as_of, &self.out, self.lines.attempts).await?;
        let written_s = start.elapsed().as_secs_f64();
        let out = self.out.display();
        eprintln!(
            "write: {} of {} customers into {out} in {written_s:.1} s",
            written.scored, written.customers
        );
        if self.lines.json {
            let mut document = serde_json::json!({
                "as_of": zone.format(as_of),
                "read": tally,
                "file": written,
                "seconds": { "count": counted_s, "write": written_s },
            });
            if let Ask::Scores { model, .. } = ask {
                document["model"] = model.clone().into();
            }
            out!("{}", serde_json::to_string_pretty(&document)?);
        }
        Ok(())
    }
}

impl SnapshotArgs {
    async fn run(&self) -> anyhow::Result<()> {
        let mut folder = SnapshotFolder::open(&self.snapshot, self.timezone, self.shard)?;
        let functions = Functions::new(Arc::new(Models::of("registry")));
        let (cluster, purchases, tally, counted_s) = self.lines.count(functions, self.timezone).await?;
        let start = Instant::now();
        cluster.snapshot(&purchases, &tally, &mut folder, self.shard, self.lines.attempts).await?;
        let written_s = start.elapsed().as_secs_f64();
        let customers = folder.held().map_or(0, |held| held.customers);
        eprintln!("write: {customers} customers into {} in {written_s:.1} s", self.snapshot.display());
        if self.lines.json {
            let document = serde_json::json!({
                "read": tally,
                "snapshot": { "customers": customers, "events": folder.held().map_or(0, |held| held.events) },
                "seconds": { "count": counted_s, "write": written_s },
            });
            out!("{}", serde_json::to_string_pretty(&document)?);
        }
        Ok(())
    }
}

fn shown(tally: &Tally) -> String {
    let rejected: u64 = tally.rejected.values().sum();
    format!(
        "{} events ({} lines without a customer, {rejected} rejected)",
        tally.events, tally.without_customer
    )
}

/// Bytes of a size such as `512MiB`.
fn size(text: &str) -> Result<u64, Error> {
    let bad = || Error::BadSize(text.to_owned());
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim() {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(bad()),
    };
    let number: u64 = number.parse().map_err(|_| bad())?;
    number.checked_mul(1 << shift).filter(|&bytes| bytes > 0).ok_or_else(bad)
}

/// Logs go to stderr; HOMING_LOG sets the log level.
fn logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("HOMING_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,homing_cluster=info"));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // Setting a logger fails only when there is one already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .compact()
        .try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_what_is_none_is_refused() {
        assert_eq!(size("512MiB").unwrap(), 512 << 20);
        assert_eq!(size("2GiB").unwrap(), 2 << 30);
        assert_eq!(size("100").unwrap(), 100);
        for bad in ["", "0", "2GB", "-1", "99999999999GiB", "MiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
