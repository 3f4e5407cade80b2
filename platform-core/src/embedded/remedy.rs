//! What to do when there is no PostgreSQL.

use std::fmt;

use super::OLDEST_MAJOR;

/// The ways to get a database, in words for the person who started the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    install: Option<&'static str>,
    rejected: Vec<String>,
}

impl Remedy {
    pub(super) fn of_this_system(rejected: Vec<String>) -> Self {
        let install = if cfg!(target_os = "macos") {
            Some("brew install postgresql@17")
        } else {
            std::fs::read_to_string("/etc/os-release")
                .ok()
                .and_then(|release| install_line(&release))
        };
        Self { install, rejected }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no PostgreSQL {OLDEST_MAJOR} or newer was found on this machine"
        )?;
        for rejected in &self.rejected {
            write!(f, "\n  passed over: {rejected}")?;
        }
        f.write_str("\nany one of these helps:")?;
        match self.install {
            Some(line) => write!(f, "\n  - install it:                      {line}")?,
            None => f.write_str("\n  - install it with this system's package manager")?,
        }
        f.write_str("\n  - name the folder of its programs: PG_BIN_DIR=/path/to/postgresql/bin")?;
        f.write_str("\n  - use a server that runs already:  DATABASE_URL=postgres://user@host/database")
    }
}

/// The package manager's line for the system that an `os-release` file describes.
fn install_line(release: &str) -> Option<&'static str> {
    let value = |key: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_default().trim_matches(['"', '\''])
    };
    let mut names = std::iter::once(value("ID=")).chain(value("ID_LIKE=").split_whitespace());
    names.find_map(|name| match name {
        "debian" | "ubuntu" => Some("sudo apt-get install postgresql"),
        "fedora" | "rhel" | "centos" | "rocky" | "almalinux" | "amzn" => {
            Some("sudo dnf install postgresql-server")
        }
        "alpine" => Some("sudo apk add postgresql17"),
        "arch" => Some("sudo pacman -S postgresql"),
        "suse" | "opensuse" | "sles" => Some("sudo zypper install postgresql-server"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Remedy, install_line};

    #[test]
    fn the_package_managers_line_follows_the_system() {
        let apt = Some("sudo apt-get install postgresql");
        assert_eq!(install_line("NAME=x\nID=debian\n"), apt);
        assert_eq!(install_line("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"), apt);
        assert_eq!(
            install_line("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"),
            Some("sudo dnf install postgresql-server")
        );
        assert_eq!(install_line("ID=plan9\n"), None);
    }

    #[test]
    fn the_message_names_every_way_out_and_what_was_passed_over() {
        let remedy = Remedy {
            install: Some("sudo apt-get install postgresql"),
            rejected: vec!["/opt/pg/bin holds PostgreSQL 13.2, older than 15".to_owned()],
        };

        assert_eq!(
            remedy.to_string(),
            "no PostgreSQL 15 or newer was found on this machine\n\
             \x20 passed over: /opt/pg/bin holds PostgreSQL 13.2, older than 15\n\
             any one of these helps:\n\
             \x20 - install it:                      sudo apt-get install postgresql\n\
             \x20 - name the folder of its programs: PG_BIN_DIR=/path/to/postgresql/bin\n\
             \x20 - use a server that runs already:  DATABASE_URL=postgres://user@host/database"
        );
    }
}
