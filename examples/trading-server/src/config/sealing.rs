//! The keys that personal fields are sealed under: where the root key comes from, and where erasures are kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::reader::Reader;
use super::url;
use crate::cli::{Command, KeysTask};

/// The keys that personal fields are sealed under.
#[derive(Debug, Clone)]
pub struct Keys {
    /// What wraps the keys of every tenant. `None` only for a command that needs no keys.
    pub root: Option<RootKey>,
    /// What wrapped them before, until the command `keys rewrap` has run for every tenant.
    pub previous: Vec<RootKey>,
    /// Where it is remembered who was erased. `None` only where there is no root key either.
    pub erasure: Option<ErasurePlace>,
    /// How long a key is used before it is read again.
    pub ttl: Duration,
    /// How long after it was read a key is still used while the provider of the root key does not answer.
    pub grace: Duration,
}

/// Where a root key comes from.
#[derive(Debug, Clone)]
pub enum RootKey {
    /// A file of the server's own, made at the first start.
    OwnFile(PathBuf),
    /// A file that an operator has made.
    File(PathBuf),
    /// A passphrase, from which the key is derived.
    Passphrase(SecretString),
    /// The key itself as text.
    Text(SecretString),
    /// A key that never leaves the transit engine of a Vault.
    Vault(Vault),
}

/// Where it is remembered who was erased. It must not be part of a backup of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErasurePlace {
    /// A folder that every instance of the server shares.
    Folder(PathBuf),
    /// The KV store of the Vault.
    Vault,
}

/// A HashiCorp Vault or OpenBao.
#[derive(Debug, Clone)]
pub struct Vault {
    /// Its address, such as `https://vault.example.com:8200`.
    pub address: String,
    /// How to log in to it.
    pub login: VaultLogin,
    /// Where the transit engine is mounted.
    pub transit_mount: String,
    /// The name of the key in it.
    pub transit_key: String,
    /// Where the KV engine, version 2, is mounted.
    pub kv_mount: String,
    /// Below which path of it erasures are kept.
    pub kv_path: String,
}

/// How to log in to a Vault.
#[derive(Debug, Clone)]
pub enum VaultLogin {
    /// With a token.
    Token(Place),
    /// With the role of an application.
    AppRole {
        /// Which role.
        role_id: String,
        /// Its credential.
        secret_id: Place,
    },
}

/// A secret, or the file that holds it, which is read again at every login.
#[derive(Debug, Clone)]
pub enum Place {
    /// Here.
    Here(SecretString),
    /// In this file.
    File(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Provider {
    Auto,
    File,
    Passphrase,
    Env,
    Vault,
}

/// Which keys of the configuration point to which provider.
const POINTERS: [(&str, Provider); 5] = [
    ("keys.file", Provider::File),
    ("keys.passphrase", Provider::Passphrase),
    ("keys.passphrase_file", Provider::Passphrase),
    ("keys.root", Provider::Env),
    ("vault.address", Provider::Vault),
];

const WORDS: [(&str, Provider); 5] = [
    ("auto", Provider::Auto),
    ("file", Provider::File),
    ("passphrase", Provider::Passphrase),
    ("env", Provider::Env),
    ("vault", Provider::Vault),
];

/// Reads the sections `keys` and `vault`.
pub(super) fn keys(reader: &mut Reader, data_dir: &Path, embedded: bool, command: &Command) -> Keys {
    let provider = reader.choice("keys.provider", &WORDS).unwrap_or(Provider::Auto);
    let provider = match provider {
        Provider::Auto => the_one_configured(reader),
        named => Some(named),
    };
    let ttl = reader.millis("keys.ttl_ms", 100..=3_600_000);
    let grace = reader.millis("keys.grace_ms", 100..=86_400_000);
    if reader.is_sound(&["keys.ttl_ms", "keys.grace_ms"]) && grace < ttl {
        let expected = format!("at least keys.ttl_ms, {}", ttl.as_millis());
        reader.problem("keys.grace_ms", grace.as_millis().to_string(), expected);
    }
    let root = root(reader, provider, data_dir, embedded);
    let erasure = erasure(reader, root.as_ref(), data_dir, embedded);
    if root.is_none() && needs_keys(command) && reader.is_sound(&SECTION) {
        reader.problem(
            "keys.provider",
            "nothing that says where the root key comes from",
            "keys.file, keys.passphrase, keys.root or vault.address beside database.url (DATABASE_URL): only with the embedded \
             database a key is made without being asked for",
        );
    }
    if root.is_some() && erasure.is_none() && needs_keys(command) && reader.is_sound(&SECTION) {
        reader.problem(
            "keys.erasure_dir",
            "nothing",
            "a folder that every instance shares and no backup of the database holds",
        );
    }
    Keys {
        root,
        previous: previous(reader),
        erasure,
        ttl,
        grace,
    }
}

/// Where one of these is wrong already, it is not also called missing.
const SECTION: [&str; 9] = [
    "keys.provider",
    "keys.file",
    "keys.passphrase",
    "keys.passphrase_file",
    "keys.root",
    "vault.address",
    "vault.token",
    "vault.role_id",
    "vault.secret_id",
];

fn needs_keys(command: &Command) -> bool {
    let new_root = matches!(
        command,
        Command::Keys {
            task: KeysTask::NewRoot { .. }
        }
    );
    !new_root
        && !matches!(
            command,
            Command::Migrate | Command::Verify(_) | Command::Openapi | Command::Audit { .. }
        )
}

/// What `auto` stands for: the provider that something was configured for.
fn the_one_configured(reader: &mut Reader) -> Option<Provider> {
    let given: Vec<(&str, Provider)> = POINTERS
        .into_iter()
        .filter(|(name, _)| reader.is_given(name))
        .collect();
    let (first, provider) = *given.first()?;
    if let Some((other, _)) = given.iter().find(|(_, other)| *other != provider) {
        let found = format!("auto beside {first} and {other}");
        reader.problem(
            "keys.provider",
            found,
            "file, passphrase, env or vault, to say which of them",
        );
    }
    Some(provider)
}

fn root(reader: &mut Reader, provider: Option<Provider>, data_dir: &Path, embedded: bool) -> Option<RootKey> {
    let own = || embedded.then(|| RootKey::OwnFile(data_dir.join("keys").join("root.key")));
    match provider {
        None | Some(Provider::Auto) => own(),
        Some(Provider::File) => match path(reader, "keys.file", "the path of a file with a root key") {
            Some(path) => Some(RootKey::File(path)),
            None => own(),
        },
        Some(Provider::Passphrase) => {
            let passphrase = passphrase(reader, ("keys.passphrase", "keys.passphrase_file"));
            let given = reader.is_given("keys.passphrase") || reader.is_given("keys.passphrase_file");
            if !given {
                wanting(
                    reader,
                    "keys.passphrase",
                    "a passphrase, or its file in keys.passphrase_file",
                );
            }
            passphrase.map(RootKey::Passphrase)
        }
        Some(Provider::Env) => {
            let root = root_text(reader, "keys.root");
            if !reader.is_given("keys.root") {
                wanting(reader, "keys.root", ROOT_EXPECTED);
            }
            root.map(RootKey::Text)
        }
        Some(Provider::Vault) => vault(reader).map(RootKey::Vault),
    }
}

fn previous(reader: &mut Reader) -> Vec<RootKey> {
    let expected = "the path of a file with the root key of before";
    let file = path(reader, "keys.previous_file", expected).map(RootKey::File);
    let names = ("keys.previous_passphrase", "keys.previous_passphrase_file");
    let passphrase = passphrase(reader, names).map(RootKey::Passphrase);
    let text = root_text(reader, "keys.previous_root").map(RootKey::Text);
    [file, passphrase, text].into_iter().flatten().collect()
}

fn erasure(
    reader: &mut Reader,
    root: Option<&RootKey>,
    data_dir: &Path,
    embedded: bool,
) -> Option<ErasurePlace> {
    let expected = "the path of a folder that no backup of the database holds";
    if let Some(folder) = path(reader, "keys.erasure_dir", expected) {
        if folder.exists() && !folder.is_dir() {
            reader.wrong("keys.erasure_dir", expected);
        }
        return Some(ErasurePlace::Folder(folder));
    }
    match root? {
        RootKey::Vault(_) => Some(ErasurePlace::Vault),
        _ => embedded.then(|| ErasurePlace::Folder(data_dir.join("keys").join("erasure"))),
    }
}

fn vault(reader: &mut Reader) -> Option<Vault> {
    let address = reader.parsed("vault.address", ADDRESS_EXPECTED, |text| {
        url::http(text).is_ok().then(|| text.to_owned())
    });
    if !reader.is_given("vault.address") {
        wanting(reader, "vault.address", ADDRESS_EXPECTED);
    }
    let login = vault_login(reader);
    let name = "a name of 1 to 128 letters, digits, hyphens, underscores and dots";
    let path = "a path of 1 to 256 letters, digits, hyphens, underscores, dots and inner slashes";
    let transit_mount = reader.parsed("vault.transit_mount", path, |text| vault_path(text, 256));
    let transit_key = reader.parsed("vault.transit_key", name, |text| {
        vault_path(text, 128).filter(|text| !text.contains('/'))
    });
    let kv_mount = reader.parsed("vault.kv_mount", path, |text| vault_path(text, 256));
    let kv_path = reader.parsed("vault.kv_path", path, |text| vault_path(text, 256));
    Some(Vault {
        address: address?,
        login: login?,
        transit_mount: transit_mount?,
        transit_key: transit_key?,
        kv_mount: kv_mount?,
        kv_path: kv_path?,
    })
}

fn vault_login(reader: &mut Reader) -> Option<VaultLogin> {
    let token = place(
        reader,
        ("vault.token", "vault.token_file"),
        "a token of the Vault",
    );
    let names = ("vault.secret_id", "vault.secret_id_file");
    let secret_id = place(reader, names, "the secret id of the role");
    let role_id = reader.parsed("vault.role_id", "the id of a role", |text| {
        (1..=1024).contains(&text.len()).then(|| text.to_owned())
    });
    match (token, role_id, secret_id) {
        (Some(token), None, None) => Some(VaultLogin::Token(token)),
        (None, Some(role_id), Some(secret_id)) => Some(VaultLogin::AppRole { role_id, secret_id }),
        (None, None, None) if reader.is_sound(&["vault.token", "vault.token_file"]) => {
            wanting(
                reader,
                "vault.token",
                "a token, or vault.role_id with vault.secret_id, in place or by file",
            );
            None
        }
        (Some(_), ..) => {
            let found = "a token beside the role of an application (not shown)";
            reader.problem("vault.token", found, "one of the two ways to log in");
            None
        }
        (None, Some(_), None) if reader.is_sound(&["vault.secret_id", "vault.secret_id_file"]) => {
            wanting(
                reader,
                "vault.secret_id",
                "the credential of vault.role_id, in place or by file",
            );
            None
        }
        (None, None, Some(_)) if reader.is_sound(&["vault.role_id"]) => {
            wanting(
                reader,
                "vault.role_id",
                "the role that vault.secret_id belongs to",
            );
            None
        }
        _ => None,
    }
}

/// A secret that stands under the first name, or the file that the second one names.
fn place(reader: &mut Reader, names: (&str, &str), expected: &str) -> Option<Place> {
    let secret = reader.secret_or_file(names, expected, |text| match text.len() {
        0 => Err("is empty"),
        1..=1024 => Ok(()),
        _ => Err("is too long"),
    })?;
    let file = path(reader, names.1, "the path of a file");
    Some(file.map_or(Place::Here(secret), Place::File))
}

const ADDRESS_EXPECTED: &str = "the URL of a Vault such as https://vault.example.com:8200";

/// What a path of a Vault may consist of, so that it cannot leave its mount.
fn vault_path(text: &str, bytes_max: usize) -> Option<String> {
    let segment = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain)
    };
    (text.len() <= bytes_max && text.split('/').all(segment)).then(|| text.to_owned())
}

fn passphrase(reader: &mut Reader, names: (&str, &str)) -> Option<SecretString> {
    reader.secret_or_file(names, "a passphrase of 15 to 1024 bytes", |text| {
        match text.len() {
            0..15 => Err("is too short"),
            15..=1024 => Ok(()),
            _ => Err("is too long"),
        }
    })
}

const ROOT_EXPECTED: &str = "a root key as the command `keys new-root` prints one";

fn root_text(reader: &mut Reader, name: &str) -> Option<SecretString> {
    reader.secret(name, ROOT_EXPECTED, |text| match text.len() {
        0 => Err("is empty"),
        1..=4096 => Ok(()),
        _ => Err("is too long"),
    })
}

/// A path, but no URL: one put into the wrong variable would become a file with a password in its name.
fn path(reader: &mut Reader, name: &str, expected: &str) -> Option<PathBuf> {
    if !reader.is_given(name) {
        return None;
    }
    reader.parsed(name, expected, |text| {
        (!text.is_empty() && !text.contains("://")).then(|| PathBuf::from(text))
    })
}

fn wanting(reader: &mut Reader, name: &str, expected: &str) {
    reader.problem(name, "nothing", expected);
}
