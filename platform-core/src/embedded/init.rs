//! Making a cluster.

use std::fs::{DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::account::Account;
use super::folder::DataFolder;
use super::{ClusterConfig, Durability, SUPERUSER, StartError};

const UNFINISHED: &str = "pg.init-";
const OUTPUT_BYTES_MAX: usize = 4 * 1024;

/// Makes the cluster of a data folder. It appears whole or not at all: `initdb` works in a folder beside it, which is renamed
/// when everything is on disk.
pub(super) async fn initialise(
    config: &ClusterConfig,
    folder: &DataFolder,
    account: &Account,
) -> Result<(), StartError> {
    sweep(folder.path());
    let unfinished = create(folder.path())?;
    let made = match account.own(&unfinished) {
        Ok(()) => run_initdb(config, &unfinished, account).await,
        Err(error) => Err(error),
    };
    if let Err(error) = made {
        let _ = std::fs::remove_dir_all(&unfinished);
        return Err(error);
    }
    let cluster = folder.cluster();
    std::fs::rename(&unfinished, &cluster).map_err(StartError::io("create", &cluster))?;
    if config.durability == Durability::Full {
        File::open(folder.path())
            .and_then(|folder| folder.sync_all())
            .map_err(StartError::io("sync", folder.path()))?;
    }
    Ok(())
}

/// Removes what interrupted attempts left. An `initdb` that outlived its program may still write there; then its folder stays
/// until the next sweep, and nobody minds.
fn sweep(data_dir: &Path) {
    let Ok(entries) = std::fs::read_dir(data_dir) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn create(data_dir: &Path) -> Result<PathBuf, StartError> {
    let mut number = 0_u32;
    loop {
        let folder = data_dir.join(format!("{UNFINISHED}{number}"));
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(StartError::io("create", &folder)(error)),
        }
    }
}

async fn run_initdb(config: &ClusterConfig, target: &Path, account: &Account) -> Result<(), StartError> {
    let program = config.binaries.initdb();
    let mut command = clean_command(&program);
    command
        .arg("--pgdata")
        .arg(target)
        .args(["--username", SUPERUSER])
        .args(["--auth-local=trust", "--auth-host=reject"])
        .args(["--encoding=UTF8", "--locale=C", "--no-instructions"])
        .stdin(Stdio::null());
    if config.durability == Durability::None {
        command.arg("--no-sync");
    }
    account.apply(&mut command);
    let output = tokio::process::Command::from(command).kill_on_drop(true).output();
    let output = tokio::time::timeout(config.start_timeout, output)
        .await
        .map_err(|_| StartError::Initialise {
            output: format!("it was not done after {:?}", config.start_timeout),
        })?
        .map_err(StartError::io("run", &program))?;
    if output.status.success() {
        return Ok(());
    }
    let printed = [output.stdout, output.stderr].concat();
    let end = printed.len().saturating_sub(OUTPUT_BYTES_MAX);
    let output = String::from_utf8_lossy(printed.get(end..).unwrap_or_default());
    Err(StartError::Initialise {
        output: output.trim().to_owned(),
    })
}

/// A command with an environment of its own: the program's may hold secrets, which another account could read, and `PG…` or
/// `LC_…` variables, which would change the cluster.
pub(super) fn clean_command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LC_ALL", "C")
        // The account may not be allowed into the program's current folder.
        .current_dir("/");
    command
}
