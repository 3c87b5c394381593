//! The processes of a cluster. What Ballista would choose by itself does not fit a nightly job: an executor that
//! dies is missed after 3 minutes, shuffle files stay for 7 days, and 70 % of the host's memory is taken. All of
//! that is set here.
//!
//! Executors ask for work; it is not pushed to them. Where work is pushed, Ballista 55 counts each executor's cores in
//! the scheduler and loses the count of a core whose task was reset by the death of another executor: with
//! executors of one core the job then waits for ever.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::utils::default_session_builder;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};

use crate::job::MESSAGE_BYTES;
use crate::{Error, Functions};

/// An executor whose cores are all busy asks every 5 seconds: a time-out must let one such word be lost.
pub const SHORTEST_TIMEOUT_S: u64 = 11;

/// How a scheduler runs.
#[derive(Clone, Debug)]
pub struct Scheduler {
    /// Where it listens; port 0 takes any.
    pub listen: SocketAddr,
    /// Seconds without a word after which an executor is taken for dead; at least [`SHORTEST_TIMEOUT_S`].
    pub timeout_s: u64,
    /// Seconds after a job's end at which its shuffle files are removed.
    pub keep_s: u64,
    /// Executors that must be there before `/readyz` says yes.
    pub executors: usize,
}

/// How an executor runs.
#[derive(Clone, Debug)]
pub struct Executor {
    /// The scheduler, `host:port`.
    pub scheduler: String,
    /// The address to listen at.
    pub bind: String,
    /// The name under which others reach it, if not by the address.
    pub advertise: Option<String>,
    /// Ports for shuffle data and for tasks; 0 takes any.
    pub ports: (u16, u16),
    /// Tasks at a time.
    pub cores: usize,
    /// Bytes of memory that the tasks may take together before they spill to the disk.
    pub memory: u64,
    /// Folder of shuffle and spill files.
    pub work: PathBuf,
    /// Seconds after which shuffle files are removed even if the scheduler never said so: longer than any job.
    pub keep_s: u64,
}

/// Runs a scheduler until it fails. `ready` is told the address.
///
/// # Errors
/// [`Error::Node`] when the address is taken or the service ends.
pub async fn run_scheduler(
    options: &Scheduler,
    functions: Functions,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), Error> {
    let failed = |cause: &dyn std::fmt::Display| Error::Node {
        node: "scheduler",
        at: options.listen.to_string(),
        cause: cause.to_string(),
    };
    let listener = tokio::net::TcpListener::bind(options.listen).await.map_err(|cause| failed(&cause))?;
    let address = listener.local_addr().map_err(|cause| failed(&cause))?;
    let config = SchedulerConfig {
        bind_host: address.ip().to_string(),
        external_host: address.ip().to_string(),
        bind_port: address.port(),
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        executor_timeout_seconds: options.timeout_s,
        expire_dead_executor_interval_seconds: (options.timeout_s / 4).max(1),
        executor_termination_grace_period: options.timeout_s,
        no_executors_grace_period_seconds: options.timeout_s.saturating_mul(3),
        finished_job_data_clean_up_interval_seconds: options.keep_s,
        finished_job_state_clean_up_interval_seconds: options.keep_s.saturating_mul(2),
        grpc_server_max_decoding_message_size: MESSAGE_BYTES as u32,
        grpc_server_max_encoding_message_size: MESSAGE_BYTES as u32,
        grpc_client_max_message_size: MESSAGE_BYTES as u32,
        min_ready_executors: options.executors,
        override_session_builder: Some(Arc::new(move |config| {
            let mut state = default_session_builder(config)?;
            functions.register(&mut state)?;
            Ok(state)
        })),
        ..SchedulerConfig::default()
    };
    config.validate().map_err(|cause| failed(&cause))?;
    let cluster = BallistaCluster::new_from_config(&config).await.map_err(|cause| failed(&cause))?;
    let scheduler = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config));
    let scheduler = scheduler.await.map_err(|cause| failed(&cause))?;
    ready(address);
    start_grpc_service_with_listener(listener, scheduler).await.map_err(|cause| failed(&cause))
}

/// Runs an executor until it is told to stop (SIGTERM, Ctrl+C) or fails.
///
/// # Errors
/// [`Error::Node`] when a port is taken, the folder cannot be made, or the scheduler is not reached.
pub async fn run_executor(options: &Executor, functions: &Functions) -> Result<(), Error> {
    let failed = |cause: &dyn std::fmt::Display| Error::Node {
        node: "executor",
        at: options.bind.clone(),
        cause: cause.to_string(),
    };
    std::fs::create_dir_all(&options.work)
        .map_err(|cause| failed(&format!("{}: {cause}", options.work.display())))?;
    let (host, port) = options.scheduler.rsplit_once(':').unwrap_or((&options.scheduler, "50050"));
    let port = port.parse().map_err(|_| failed(&format!("`{}` is not host:port", options.scheduler)))?;
    let free = |port: u16| if port == 0 { free_port(&options.bind) } else { Ok(port) };
    let config = ExecutorProcessConfig {
        bind_host: options.bind.clone(),
        external_host: options.advertise.clone().or_else(|| Some(options.bind.clone())),
        port: free(options.ports.0).map_err(|cause| failed(&cause))?,
        grpc_port: free(options.ports.1).map_err(|cause| failed(&cause))?,
        scheduler_host: host.to_owned(),
        scheduler_port: port,
        scheduler_connect_timeout_seconds: 30,
        vcores: options.cores,
        task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
        work_dir: Some(options.work.display().to_string()),
        job_data_ttl_seconds: options.keep_s,
        job_data_clean_up_interval_seconds: (options.keep_s / 10).clamp(1, 600),
        grpc_max_decoding_message_size: MESSAGE_BYTES as u32,
        grpc_max_encoding_message_size: MESSAGE_BYTES as u32,
        memory_pool_size: Some(options.memory),
        override_function_registry: Some(Arc::new(functions.for_executor())),
        ..ExecutorProcessConfig::default()
    };
    start_executor_process(Arc::new(config)).await.map_err(|cause| failed(&cause))
}

/// A port that is free now.
fn free_port(host: &str) -> std::io::Result<u16> {
    Ok(TcpListener::bind((host, 0))?.local_addr()?.port())
}
