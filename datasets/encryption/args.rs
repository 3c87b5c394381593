//! Where the master key comes from.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};

use clap::Args;

use super::scratch::encrypt_all;
use super::{EncryptionError, MasterKeys};
use crate::private;

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A secret that no message shows.
#[derive(Clone)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Secret(text.to_owned()))
    }
}

/// The master key.
#[derive(Args, Clone, Debug, Default)]
pub struct EncryptionArgs {
    /// Master key of encryption at rest, in base64. Prefer --encryption-key-file: other users of the machine may see flags.
    #[arg(
        long,
        env = "HOMING_ENCRYPTION_KEY",
        hide_env_values = true,
        value_name = "KEY",
        group = "encryption_source"
    )]
    pub encryption_key: Option<Secret>,

    /// File with the master key: snapshots, backups, journals and temporary files are then encrypted. Further lines hold earlier keys, which
    /// still decrypt. Make a key with `homing encryption new-key`.
    #[arg(long, env = "HOMING_ENCRYPTION_KEY_FILE", value_name = "FILE", group = "encryption_source")]
    pub encryption_key_file: Option<PathBuf>,

    /// Shell command that prints the content of the key file, for a key management service.
    #[arg(long, env = "HOMING_ENCRYPTION_KEY_COMMAND", value_name = "COMMAND")]
    pub encryption_key_command: Option<String>,

    #[arg(skip)]
    pub(super) loaded: OnceLock<Option<Arc<MasterKeys>>>,
}

impl EncryptionArgs {
    /// The master keys, if there are any. From then on the temporary files of this process are encrypted.
    ///
    /// # Errors
    /// Why the file, the command or the text gives no key.
    pub fn keys(&self) -> Result<Option<Arc<MasterKeys>>, EncryptionError> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded.clone());
        }
        let keys = self.load()?.map(Arc::new);
        if keys.is_some() {
            encrypt_all();
        }
        Ok(self.loaded.get_or_init(|| keys).clone())
    }

    /// The keys, with no further effect.
    pub(super) fn load(&self) -> Result<Option<MasterKeys>, EncryptionError> {
        if self.encryption_key_command.is_some()
            && (self.encryption_key.is_some() || self.encryption_key_file.is_some())
        {
            let text = "it is given together with another source of the master key; keep one of them";
            return Err(EncryptionError::Command(text.to_owned()));
        }
        if let Some(Secret(text)) = &self.encryption_key {
            let keys = MasterKeys::parse(text);
            return keys
                .map(Some)
                .map_err(|cause| EncryptionError::Source(format!("--encryption-key: {cause}")));
        }
        if let Some(path) = &self.encryption_key_file {
            let failed = |cause: String| {
                EncryptionError::Source(format!("--encryption-key-file {}: {cause}", path.display()))
            };
            let text = private::secret(path).map_err(failed)?;
            return MasterKeys::parse(&text).map(Some).map_err(|cause| failed(cause.to_string()));
        }
        let Some(command) = &self.encryption_key_command else { return Ok(None) };
        let keys = MasterKeys::parse(&output(command)?);
        keys.map(Some).map_err(|cause| EncryptionError::Command(format!("of what it printed, {cause}")))
    }
}

/// What a command prints, if it ends in time and well.
fn output(command: &str) -> Result<String, EncryptionError> {
    let failed = |cause: String| EncryptionError::Command(cause);
    let (shell, option) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut child = Command::new(shell)
        .args([option, command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|cause| failed(format!("{shell} cannot be started: {cause}")))?;
    let Some(stdout) = child.stdout.take() else { return Err(failed("it has no output".to_owned())) };
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.take(1 << 16).read_to_string(&mut text);
        // Nobody waits any more where the command took too long.
        let _ = sender.send(read.map(|_| text));
    });
    let begun = Instant::now();
    let status = wait(&mut child, PATIENCE)?;
    if !status.success() {
        return Err(failed(format!("it ended with {status}; run it by hand to see why")));
    }
    // A program that it has left behind may hold its output open.
    match receiver.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(_)) => Err(failed("its output is not text".to_owned())),
        Err(_) => Err(failed(format!("its output did not end within {} s", PATIENCE.as_secs()))),
    }
}

fn wait(child: &mut Child, patience: Duration) -> Result<std::process::ExitStatus, EncryptionError> {
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if begun.elapsed() < patience => std::thread::sleep(Duration::from_millis(10)),
            Ok(None) => {
                // It may have ended by itself meanwhile.
                let _ = child.kill();
                let _ = child.wait();
                let text = format!("it did not end within {} s; check the key service", patience.as_secs());
                return Err(EncryptionError::Command(text));
            }
            Err(cause) => return Err(EncryptionError::Command(cause.to_string())),
        }
    }
}
