//! Where `initdb` and `postgres` are.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::OLDEST_MAJOR;
use super::folder::{CLUSTER, major_version};
use super::remedy::Remedy;

/// What `postgres --version` may take.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);

/// Where to look for PostgreSQL's programs.
#[derive(Debug, Clone)]
pub struct SearchPath {
    pg_bin_dir: Option<PathBuf>,
    path: Option<OsString>,
    system_folders: bool,
}

impl SearchPath {
    /// Looks in `pg_bin_dir` alone when it is given (usually the variable `PG_BIN_DIR`), else through `path` (usually `PATH`)
    /// and the folders in which package managers put PostgreSQL.
    pub fn new(pg_bin_dir: Option<PathBuf>, path: Option<OsString>) -> Self {
        Self {
            pg_bin_dir,
            path,
            system_folders: true,
        }
    }

    /// Leaves out the package managers' folders.
    #[must_use]
    pub fn without_system_folders(mut self) -> Self {
        self.system_folders = false;
        self
    }

    /// The folders that may hold the programs, in order of preference.
    fn folders(&self) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = Vec::new();
        if let Some(path) = &self.path {
            folders.extend(std::env::split_paths(path).filter_map(|entry| home_of(&entry)));
        }
        if self.system_folders {
            folders.extend(numbered("/usr/lib/postgresql", "", "bin"));
            folders.extend(numbered("/usr", "pgsql-", "bin"));
            folders.extend(numbered("/usr/lib", "postgresql", "bin"));
            folders.extend(numbered("/usr/libexec", "postgresql", ""));
            folders.extend(numbered("/opt/homebrew/opt", "postgresql@", "bin"));
            folders.extend(numbered("/usr/local/opt", "postgresql@", "bin"));
        }
        let mut seen = std::collections::BTreeSet::new();
        folders.retain(|folder| is_home(folder) && seen.insert(folder.clone()));
        folders
    }
}

/// A release of PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    major: u32,
    text: String,
}

impl Version {
    /// The major version, which a data folder is bound to.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// Reads the answer of `postgres --version`: `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
    fn parse(answer: &str) -> Option<Self> {
        let text = answer.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
        let digits = text.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(Self {
            major: digits.parse().ok()?,
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A PostgreSQL on this machine: the folder that holds `initdb` and `postgres`, and their version.
#[derive(Debug, Clone)]
pub struct Binaries {
    folder: PathBuf,
    version: Version,
}

/// No PostgreSQL can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// The folder that was named does not hold a PostgreSQL that can be used; nothing else was tried.
    #[error("PG_BIN_DIR is {}, which {problem}", .folder.display())]
    Named {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it, to follow "which".
        problem: String,
    },
    /// There is none on this machine. The message names the ways out.
    #[error("{0}")]
    NotFound(Remedy),
}

impl Binaries {
    /// Finds a PostgreSQL: the first one of [`OLDEST_MAJOR`] or newer that the search meets.
    ///
    /// Debian's `/usr/bin` holds Perl wrappers instead of the programs; an entry of `PATH` counts only when `initdb` and
    /// `postgres` stand side by side behind its symlinks.
    ///
    /// # Errors
    /// [`FindError`]'s message is written for the person who started the program: print it and exit.
    pub async fn find(search: &SearchPath) -> Result<Self, FindError> {
        Self::find_major(search, None).await
    }

    /// Finds the PostgreSQL that an existing data folder needs, else the one that [`Binaries::find`] finds.
    ///
    /// A machine that was upgraded often has two: this keeps an older folder working for as long as its version is installed.
    ///
    /// # Errors
    /// As for [`Binaries::find`].
    pub async fn find_for(search: &SearchPath, data_dir: &Path) -> Result<Self, FindError> {
        let major = major_version(&data_dir.join(CLUSTER)).ok().flatten();
        Self::find_major(search, major).await
    }

    /// The folder that holds the programs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The version of the programs.
    pub fn version(&self) -> &Version {
        &self.version
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    async fn find_major(search: &SearchPath, preferred: Option<u32>) -> Result<Self, FindError> {
        if let Some(folder) = &search.pg_bin_dir {
            return Self::named(folder).await;
        }
        let mut first = None;
        let mut rejected = Vec::new();
        for folder in search.folders() {
            match Self::probe(folder.clone()).await {
                Ok(binaries) if preferred.is_none_or(|major| major == binaries.version.major) => {
                    return Ok(binaries);
                }
                Ok(binaries) => first = first.or(Some(binaries)),
                Err(problem) => rejected.push(format!("{} {problem}", folder.display())),
            }
        }
        first.ok_or_else(|| FindError::NotFound(Remedy::of_this_system(rejected)))
    }

    async fn named(folder: &Path) -> Result<Self, FindError> {
        let named = |problem: &str| FindError::Named {
            folder: folder.to_owned(),
            problem: problem.to_owned(),
        };
        let home = home_of(folder)
            .filter(|home| is_home(home))
            .ok_or_else(|| named("does not hold initdb and postgres"))?;
        Self::probe(home).await.map_err(|problem| named(&problem))
    }

    /// The programs in `folder`, or what is wrong with them.
    async fn probe(folder: PathBuf) -> Result<Self, String> {
        let answer = tokio::process::Command::new(folder.join("postgres"))
            .arg("--version")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let answer = match tokio::time::timeout(VERSION_TIMEOUT, answer).await {
            Ok(Ok(output)) => String::from_utf8_lossy(&output.stdout).into_owned(),
            Ok(Err(error)) => return Err(format!("holds a postgres that does not run: {error}")),
            Err(_) => return Err("holds a postgres that does not answer".to_owned()),
        };
        let version =
            Version::parse(&answer).ok_or_else(|| "holds a postgres of unknown version".to_owned())?;
        if version.major < OLDEST_MAJOR {
            return Err(format!("holds PostgreSQL {version}, older than {OLDEST_MAJOR}"));
        }
        Ok(Self { folder, version })
    }
}

/// The folder behind an entry of `PATH`: the entry itself, or where the symlinks of its programs lead.
fn home_of(entry: &Path) -> Option<PathBuf> {
    ["postgres", "initdb", "pg_ctl", "psql"]
        .into_iter()
        .find_map(|program| {
            let target = std::fs::canonicalize(entry.join(program)).ok()?;
            let home = target.parent()?.to_owned();
            is_home(&home).then_some(home)
        })
}

fn is_home(folder: &Path) -> bool {
    ["initdb", "postgres"]
        .iter()
        .all(|program| folder.join(program).is_file())
}

/// `base/<prefix><number>/<rest>` for every number there is, the highest first.
fn numbered(base: &str, prefix: &str, rest: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(base) else {
        return Vec::new();
    };
    let mut found: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((number, entry.path().join(rest)))
        })
        .collect();
    found.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    found
        .into_iter()
        .filter_map(|(_, folder)| std::fs::canonicalize(folder).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_read_from_what_the_server_prints() {
        let of = |answer| Version::parse(answer).map(|version| (version.major(), version.to_string()));

        assert_eq!(
            of("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"),
            Some((15, "15.14".into()))
        );
        assert_eq!(
            of("postgres (PostgreSQL) 19beta1\n"),
            Some((19, "19beta1".into()))
        );
        assert_eq!(of("postgres: command not found"), None);
    }
}
