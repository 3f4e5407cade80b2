//! The account the server runs under.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::StartError;

/// Who runs the server.
#[derive(Debug, Clone)]
pub(super) enum Account {
    /// The user who runs this program, an ordinary one.
    Same { uid: u32 },
    /// This program runs as root; the server runs under an ordinary account.
    Dropped { name: String, uid: u32, gid: u32 },
}

impl Account {
    /// Chooses the account for the cluster in `data_dir`: the owner of what is there, so that a second start chooses the same.
    pub(super) fn choose(data_dir: &Path, cluster: &Path) -> Result<Self, StartError> {
        let uid = rustix::process::geteuid().as_raw();
        if uid != 0 {
            return Ok(Self::Same { uid });
        }
        let owner = [cluster, data_dir]
            .into_iter()
            .filter_map(|folder| std::fs::metadata(folder).ok())
            .find(|metadata| metadata.uid() != 0);
        if let Some(owner) = owner {
            return Ok(Self::owner(&owner));
        }
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| Self::named(&passwd, name))
            .ok_or(StartError::NoAccount)
    }

    pub(super) fn uid(&self) -> u32 {
        match self {
            Self::Same { uid } | Self::Dropped { uid, .. } => *uid,
        }
    }

    /// Makes `command` run under this account. The standard library also drops root's supplementary groups.
    pub(super) fn apply(&self, command: &mut Command) {
        if let Self::Dropped { uid, gid, .. } = self {
            command.uid(*uid).gid(*gid);
        }
    }

    /// Hands a folder or file to this account.
    pub(super) fn own(&self, path: &Path) -> Result<(), StartError> {
        match self {
            Self::Same { .. } => Ok(()),
            Self::Dropped { uid, gid, .. } => std::os::unix::fs::lchown(path, Some(*uid), Some(*gid))
                .map_err(StartError::io("change the owner of", path)),
        }
    }

    /// Checks that this account may pass through `folder` and everything above it.
    pub(super) fn check_traversable(&self, folder: &Path) -> Result<(), StartError> {
        let Self::Dropped { name, uid, gid } = self else {
            return Ok(());
        };
        let mut outermost_first: Vec<&Path> = folder.ancestors().collect();
        outermost_first.reverse();
        for folder in outermost_first {
            let metadata = std::fs::metadata(folder).map_err(StartError::io("look at", folder))?;
            if !may_enter(&metadata, *uid, *gid) {
                return Err(StartError::NotTraversable {
                    folder: folder.to_owned(),
                    account: name.clone(),
                });
            }
        }
        Ok(())
    }

    fn owner(metadata: &Metadata) -> Self {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let (uid, gid) = (metadata.uid(), metadata.gid());
        let entry = entries(&passwd).find(|entry| entry.1 == uid);
        let (name, gid) = entry.map_or_else(|| (uid.to_string(), gid), |entry| (entry.0.to_owned(), entry.2));
        Self::Dropped { name, uid, gid }
    }

    fn named(passwd: &str, name: &str) -> Option<Self> {
        let (name, uid, gid) = entries(passwd).find(|entry| entry.0 == name && entry.1 != 0)?;
        let name = name.to_owned();
        Some(Self::Dropped { name, uid, gid })
    }
}

/// Name, user id and group id of every line of a `passwd` file.
fn entries(passwd: &str) -> impl Iterator<Item = (&str, u32, u32)> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some((name, uid, gid))
    })
}

fn may_enter(metadata: &Metadata, uid: u32, gid: u32) -> bool {
    let mode = metadata.permissions().mode();
    let search = if metadata.uid() == uid {
        0o100
    } else if metadata.gid() == gid {
        0o010
    } else {
        0o001
    };
    mode & search != 0
}

#[cfg(test)]
mod tests {
    use super::Account;

    #[test]
    fn accounts_are_read_from_the_passwd_file_and_never_root() {
        let passwd =
            "postgres:x:0:0::/:/bin/sh\n# a comment\nnobody:x:65534:65533:nobody:/nonexistent:/bin/false\n";

        assert!(Account::named(passwd, "postgres").is_none());
        let nobody = Account::named(passwd, "nobody");
        assert!(matches!(
            nobody,
            Some(Account::Dropped {
                uid: 65534,
                gid: 65533,
                ..
            })
        ));
    }
}
