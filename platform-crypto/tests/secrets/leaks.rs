//! What logs get to see of sealed values and of keys, with everything logged that can be.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform_core::pg::{Db, DbError, Migrations};
use platform_core::sqlx::{self, AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use platform_core::testing::TestCluster;
use platform_core::uuid::Uuid;
use platform_core::{RequestContext, Sources, TenantId};
use platform_crypto::{
    BlindIndex, Column, FileErasureStore, KeyId, KeyProvider, Keyring, Keys, LocalRoot, MIGRATIONS,
    Normalizer, Purpose, RootKeyRef, Sealed, SubjectId, TagError, Tagged, WrapContext, WrappedKey,
    new_key_text,
};
use tempfile::TempDir;
use tracing_subscriber::fmt::MakeWriter;

static CRM: Migrations = Migrations {
    schema: "crm",
    migrator: &sqlx::migrate!("tests/secrets/migrations"),
    roles: &[],
};

const EMAIL: Column<String> = Column::new("crm.customer", "email");
const NOTE: Column<String> = Column::new("crm.customer", "note");
const EMAIL_INDEX: BlindIndex = BlindIndex::unique("crm.customer.email", Normalizer::Email);

const ADA: &str = "ada.lovelace@difference.example";
/// Unlike anything that a server says by itself.
const SECRET_NOTE: &str = "xyzzy-plugh-quux-4711-Augusta";

/// Everything that `tracing` is given on this thread.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// An application whose database server logs every statement with its parameters, whole.
struct World {
    cluster: TestCluster,
    db: Db,
    keyring: Keyring,
    root: LocalRoot,
    root_text: String,
    ctx: RequestContext,
    _erasure: TempDir,
}

impl World {
    async fn start() -> Self {
        let cluster = Box::pin(TestCluster::on_disk(&[&MIGRATIONS, &CRM])).await;
        log_everything(&cluster).await;
        let test = cluster.open().await;
        let (db, sources) = (test.db(), Sources::system());
        let root_text = new_key_text(&sources).to_string();
        let root = LocalRoot::from_text(&root_text, &sources).unwrap();
        let provider = LocalRoot::from_text(&root_text, &sources).unwrap();
        let erasure = tempfile::tempdir().unwrap();
        let keyring = Keyring::builder(&db, Arc::new(provider))
            .erasure(Arc::new(FileErasureStore::open(erasure.path()).unwrap()))
            .open()
            .await
            .unwrap();
        let ctx = test.context(test.tenant().await);
        Self {
            cluster,
            db,
            keyring,
            root,
            root_text,
            ctx,
            _erasure: erasure,
        }
    }

    /// Stores a customer with a sealed and indexed address. The answer is the sealed address.
    async fn store(&self, id: Uuid, subject: SubjectId, email: &str) -> Result<Sealed<String>, TagError> {
        let tenant = self.ctx.tenant();
        let (at_email, at_note) = (EMAIL.at(tenant, id), NOTE.at(tenant, id));
        let mut tx = self.db.begin(&self.ctx).await.unwrap();
        let key = self
            .keyring
            .ensure_subject(&mut tx, &self.ctx, subject)
            .await
            .unwrap();
        let sealed = key.seal(&at_email, &email.to_owned()).unwrap();
        let note = key.seal(&at_note, &SECRET_NOTE.to_owned()).unwrap();
        insert(&mut tx, id, &sealed, &note).await.unwrap();
        let tagged = Tagged::new(id, email).of(subject);
        self.keyring
            .tag(&mut tx, &self.ctx, &EMAIL_INDEX, &tagged)
            .await?;
        tx.commit().await.unwrap();
        Ok(sealed)
    }

    /// Opens a customer's fields, as a request would.
    async fn open(&self, id: Uuid) -> (String, String) {
        let mut read = self.db.read(&self.ctx).await.unwrap();
        let (email, note): (Sealed<String>, Sealed<String>) =
            sqlx::query_as("select email, note from crm.customer where tenant_id = $1 and id = $2")
                .bind(self.ctx.tenant())
                .bind(id)
                .fetch_one(&mut read)
                .await
                .unwrap();
        read.finish().await.unwrap();
        let ids = [email.key_id().unwrap(), note.key_id().unwrap()];
        let keys: Keys = self.keyring.keys_for(&self.ctx, ids).await.unwrap();
        let tenant = self.ctx.tenant();
        let email = keys.open(&EMAIL.at(tenant, id), &email).unwrap();
        let note = keys.open(&NOTE.at(tenant, id), &note).unwrap();
        (email.expose().clone(), note.expose().clone())
    }

    /// The bytes of every key of the tenant, which only who has the root key can know.
    async fn keys(&self) -> Vec<Vec<u8>> {
        let mut superuser = PgConnection::connect(&self.cluster.database().superuser_url())
            .await
            .unwrap();
        let rows: Vec<(TenantId, String, KeyId, Vec<u8>, String)> = sqlx::query_as(
            "select tenant_id, purpose, key_id, wrapped, root_key from platform_crypto.tenant_key where wrapped is not null",
        )
        .fetch_all(&mut superuser)
        .await
        .unwrap();
        superuser.close().await.unwrap();
        let mut keys = Vec::new();
        for (tenant, purpose, key, bytes, root) in rows {
            let purpose: Purpose = purpose.parse().unwrap();
            let root: RootKeyRef = root.parse().unwrap();
            let context = WrapContext { tenant, purpose, key };
            let key = self
                .root
                .unwrap(&context, &WrappedKey { root, bytes })
                .await
                .unwrap();
            keys.push(key.expose_bytes().to_vec());
        }
        keys
    }
}

async fn insert(
    tx: &mut platform_core::pg::TenantTx,
    id: Uuid,
    email: &Sealed<String>,
    note: &Sealed<String>,
) -> Result<(), DbError> {
    sqlx::query("insert into crm.customer (id, email, note) values ($1, $2, $3)")
        .bind(id)
        .bind(email)
        .bind(note)
        .execute(tx)
        .await?;
    Ok(())
}

async fn log_everything(cluster: &TestCluster) {
    let database = cluster.database();
    let mut superuser = PgConnection::connect(&database.superuser_url()).await.unwrap();
    for setting in [
        "log_statement = 'all'",
        "log_min_duration_statement = 0",
        "log_parameter_max_length = -1",
        "log_parameter_max_length_on_error = -1",
        "log_min_error_statement = 'error'",
        "log_error_verbosity = 'verbose'",
        "log_min_messages = 'debug1'",
    ] {
        let statement = format!("alter database {} set {setting}", database.name());
        superuser.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    superuser.close().await.unwrap();
}

/// What the database server has logged.
async fn server_log(cluster: &TestCluster) -> String {
    let mut superuser = PgConnection::connect(&cluster.database().superuser_url())
        .await
        .unwrap();
    let data: String = sqlx::query_scalar("select pg_catalog.current_setting('data_directory')")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    superuser.close().await.unwrap();
    let log = Path::new(&data).parent().unwrap().join("pg.log");
    String::from_utf8_lossy(&std::fs::read(log).unwrap()).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The forms in which bytes get into logs: as they are, in hexadecimal, in base64 at every alignment, as a list of numbers.
fn assert_unseen(log: &str, what: &str, bytes: &[u8]) {
    let lower = log.to_ascii_lowercase();
    for window in bytes.windows(8) {
        if let Ok(text) = std::str::from_utf8(window) {
            assert!(!log.contains(text), "{what}: {text:?} stands in the log");
        }
        let digits = hex(window);
        assert!(!lower.contains(&digits), "{what}: {digits} stands in the log");
        let numbers: Vec<String> = window.iter().map(u8::to_string).collect();
        let numbers = numbers.join(", ");
        assert!(!log.contains(&numbers), "{what}: {numbers} stands in the log");
    }
    // Six bytes are eight characters of base64 whatever stands around them, if they begin at a multiple of three.
    for window in bytes.windows(9) {
        let text = STANDARD.encode(window);
        assert!(!log.contains(&text), "{what}: {text} stands in the log");
    }
}

// C32
#[tokio::test]
async fn no_log_sees_a_sealed_value_or_a_key() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let world = World::start().await;
    let sources = Sources::system();
    let (id, subject) = (sources.uuid_v7(), SubjectId::generate(&sources));

    let sealed = world.store(id, subject, ADA).await.unwrap();
    let opened = world.open(id).await;
    let mut read = world.db.read(&world.ctx).await.unwrap();
    let found = world
        .keyring
        .find(&mut read, &world.ctx, &EMAIL_INDEX, ADA)
        .await
        .unwrap();
    read.finish().await.unwrap();
    world.keyring.rotate_now(&world.ctx, Purpose::Data).await.unwrap();
    world
        .keyring
        .rotate_now(&world.ctx, Purpose::Index)
        .await
        .unwrap();
    let again = world.open(id).await;
    let keys = world.keys().await;
    world.keyring.erase(&world.ctx, subject).await.unwrap();

    assert_eq!(opened, (ADA.to_owned(), SECRET_NOTE.to_owned()));
    assert_eq!((found.len(), &again), (1, &opened));
    assert!(keys.len() >= 4, "{} keys", keys.len());
    let server = server_log(&world.cluster).await;
    let own = lines.text();
    // Everything was logged: the statements, and on the server's side the parameters.
    assert!(server.contains("insert into crm.customer") && server.contains(&hex(sealed.as_bytes())));
    assert!(own.contains("insert into crm.customer"));
    for log in [&server, &own] {
        assert_unseen(log, "the address", ADA.as_bytes());
        assert_unseen(log, "the note", SECRET_NOTE.as_bytes());
        assert_unseen(log, "the root key", world.root_text.as_bytes());
        for key in &keys {
            assert_unseen(log, "a key", key);
        }
    }
}

// C32
#[tokio::test]
async fn a_refused_row_tells_no_sealed_value_and_no_indexed_one() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let world = World::start().await;
    let sources = Sources::system();
    let id = sources.uuid_v7();
    let sealed = world.store(id, SubjectId::generate(&sources), ADA).await.unwrap();

    let mut tx = world.db.begin(&world.ctx).await.unwrap();
    let refused = insert(&mut tx, sources.uuid_v7(), &sealed, &sealed)
        .await
        .unwrap_err();
    tx.rollback().await.unwrap();
    let taken = world
        .store(sources.uuid_v7(), SubjectId::generate(&sources), ADA)
        .await
        .unwrap_err();
    tracing::error!(error = %platform_core::error_chain(&refused), debug = ?refused, "refused");
    tracing::error!(error = %platform_core::error_chain(&taken), debug = ?taken, "taken");

    assert!(matches!(refused, DbError::Conflict { .. }), "{refused:?}");
    assert!(matches!(taken, TagError::Taken), "{taken:?}");
    let server = server_log(&world.cluster).await;
    let own = lines.text();
    // PostgreSQL quotes no row of a table with row-level security, sealed or not.
    assert!(server.contains("violates unique constraint"));
    for quoted in ["Key (", "Failing row", &hex(ADA.as_bytes())] {
        assert!(!server.contains(quoted) && !own.contains(quoted), "{quoted}");
    }
    for log in [&server, &own] {
        assert_unseen(log, "the address", ADA.as_bytes());
        assert_unseen(log, "the note", SECRET_NOTE.as_bytes());
    }
}
