//! What PostgreSQL commits of TPC-B's transactions, five statements each.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use platform_core::embedded::{Binaries, Cluster, SUPERUSER, SearchPath};

use crate::Anyhow;

/// pgbench on the server's own PostgreSQL.
pub(crate) struct TpcB {
    programs: PathBuf,
    socket: PathBuf,
}

impl TpcB {
    pub(crate) async fn prepare(data_dir: &Path, scale: u32) -> Anyhow<Self> {
        let search = SearchPath::new(
            std::env::var_os("PG_BIN_DIR").map(PathBuf::from),
            std::env::var_os("PATH"),
        );
        let programs = Binaries::find_for(&search, data_dir).await?.folder().to_owned();
        let endpoint = Cluster::attach(data_dir)
            .await?
            .ok_or_else(|| anyhow::anyhow!("no database"))?;
        let tpcb = Self {
            programs,
            socket: endpoint.socket_folder().to_owned(),
        };
        tpcb.program("createdb", &["tpcb".to_owned()])?;
        tpcb.program(
            "pgbench",
            &[
                "-i".to_owned(),
                "-q".to_owned(),
                "-s".to_owned(),
                scale.to_string(),
                "tpcb".to_owned(),
            ],
        )?;
        Ok(tpcb)
    }

    /// Transactions a second.
    pub(crate) fn run(&self, clients: usize, length: Duration) -> Anyhow<f64> {
        let text = ["-n", "-M", "prepared", "-j", "2", "-c"].map(str::to_owned);
        let mut arguments = text.to_vec();
        arguments.extend([
            clients.to_string(),
            "-T".to_owned(),
            length.as_secs().to_string(),
            "tpcb".to_owned(),
        ]);
        let report = self.program("pgbench", &arguments)?;
        let rate = report.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = rate
            .and_then(|rest| rest.split(' ').next())
            .ok_or_else(|| anyhow::anyhow!("no tps in: {report}"))?;
        Ok(rate.parse()?)
    }

    fn program(&self, name: &str, arguments: &[String]) -> Anyhow<String> {
        let named = std::env::var_os("PGBENCH").filter(|_| name == "pgbench");
        let program = named.map_or_else(|| self.programs.join(name), PathBuf::from);
        let output = Command::new(program)
            .args([
                "-h".as_ref(),
                self.socket.as_os_str(),
                "-U".as_ref(),
                SUPERUSER.as_ref(),
            ])
            .args(arguments)
            .output()?;
        anyhow::ensure!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
