//! What the tests of this binary share.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use platform_core::pg::{Db, Migrations};
use platform_core::sqlx::{self, FromRow};
use platform_core::testing::TestDb;
use platform_core::time::OffsetDateTime;
use platform_core::{ManualClock, OsRandom, RequestContext, Sources, TenantId};
use platform_crypto::{
    BlindIndex, FileErasureStore, KeyInfo, Keyring, LocalRoot, MIGRATIONS, Normalizer, Pacing, Purpose,
    ResealProgress, RowId, Sealed, SealedRow, Secret, SubjectId, Tagged,
};
use tempfile::TempDir;

static SHOP: Migrations = Migrations {
    schema: "shop",
    migrator: &MIGRATOR,
    roles: &[],
};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("tests/reseal/migrations");

pub(crate) const TTL: Duration = Duration::from_secs(300);

pub(crate) const FAST: fn(u32) -> Pacing = |rows| Pacing::new(rows, Duration::ZERO);

platform_core::id_type! {
    pub(crate) struct CustomerId;
}

#[derive(Clone, FromRow, SealedRow)]
#[sealed(table = "shop.customer")]
pub(crate) struct Customer {
    #[sealed(tenant)]
    pub(crate) tenant_id: TenantId,
    #[sealed(row)]
    pub(crate) id: CustomerId,
    pub(crate) email: Sealed<String>,
    pub(crate) phone: Option<Sealed<String>>,
    pub(crate) visits: i64,
}

pub(crate) const EMAIL: BlindIndex = BlindIndex::unique("shop.member.email", Normalizer::Email);

#[derive(Clone, FromRow, SealedRow)]
#[sealed(table = "shop.member")]
pub(crate) struct Member {
    #[sealed(tenant)]
    pub(crate) tenant_id: TenantId,
    #[sealed(row)]
    pub(crate) id: CustomerId,
    #[sealed(subject)]
    pub(crate) person_id: Option<SubjectId>,
    #[sealed(index = EMAIL)]
    pub(crate) email: Option<Sealed<String>>,
}

/// A shop with a keyring, on a clock that stands still.
pub(crate) struct Shop {
    pub(crate) test: TestDb,
    pub(crate) db: Db,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sources: Sources,
    pub(crate) tenant: TenantId,
    pub(crate) keyring: Keyring,
    erasure: TempDir,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Box::pin(Self::open_leasing(1 << 16)).await
    }

    pub(crate) async fn open_leasing(block: u64) -> Self {
        let test = Box::pin(TestDb::shared(&[&MIGRATIONS, &SHOP])).await;
        let start = OffsetDateTime::from_unix_timestamp(1_772_366_400).unwrap();
        let clock = Arc::new(ManualClock::starting_at(start));
        let sources = Sources::shared(clock.clone(), Arc::new(OsRandom));
        let db = test.connect_with_sources(sources.clone()).await;
        let tenant = test.tenant().await;
        let erasure = tempfile::tempdir().unwrap();
        let keyring = keyring(&db, erasure.path(), block).await;
        Self {
            test,
            db,
            clock,
            sources,
            tenant,
            keyring,
            erasure,
        }
    }

    /// A keyring with a cache and connections of its own: another process.
    pub(crate) async fn other_process(&self) -> Keyring {
        let db = self.test.connect_with_sources(self.sources.clone()).await;
        keyring(&db, self.erasure.path(), 1 << 16).await
    }

    pub(crate) fn ctx(&self) -> RequestContext {
        RequestContext::system(self.tenant, "test", &self.sources)
    }

    /// Makes a new version of the data key and waits until it seals.
    pub(crate) async fn rotate(&self) -> KeyInfo {
        let key = self.keyring.rotate(&self.ctx(), Purpose::Data).await.unwrap();
        self.clock.advance(TTL);
        key
    }

    /// Customers have ids in the order in which they are added.
    pub(crate) async fn add(&self, email: &str, phone: Option<&str>) -> CustomerId {
        self.clock.advance(Duration::from_millis(1));
        let keys = self.keyring.keys(&self.ctx()).await.unwrap();
        let customer = OpenedCustomer {
            tenant_id: self.tenant,
            id: CustomerId::generate(&self.sources),
            email: Secret::new(email.to_owned()),
            phone: phone.map(|phone| Secret::new(phone.to_owned())),
            visits: 0,
        };
        self.insert(&customer.seal(&keys).unwrap()).await;
        customer.id
    }

    /// Customers 0 to `count`, every third without a phone.
    pub(crate) async fn fill(&self, count: usize) {
        for number in 0..count {
            let phone = (number % 3 != 0).then(|| format!("+44 20 {number}"));
            self.add(&format!("c{number}@example.com"), phone.as_deref())
                .await;
        }
    }

    pub(crate) async fn insert(&self, row: &Customer) {
        let mut tx = self.db.begin(&self.ctx()).await.unwrap();
        sqlx::query("insert into shop.customer (tenant_id, id, email, phone) values ($1, $2, $3, $4)")
            .bind(row.tenant_id)
            .bind(row.id)
            .bind(&row.email)
            .bind(&row.phone)
            .execute(&mut tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// A member, tagged, and sealed under the person's key or, where `under_tenant` says so, under the tenant's.
    pub(crate) async fn join(
        &self,
        email: &str,
        person: Option<SubjectId>,
        under_tenant: bool,
    ) -> CustomerId {
        self.clock.advance(Duration::from_millis(1));
        let ctx = self.ctx();
        let keys = self.keyring.keys(&ctx).await.unwrap();
        let member = OpenedMember {
            tenant_id: self.tenant,
            id: CustomerId::generate(&self.sources),
            person_id: person,
            email: Some(Secret::new(email.to_owned())),
        };
        let mut tx = self.db.begin(&ctx).await.unwrap();
        let row = match person {
            Some(person) if !under_tenant => {
                let key = self.keyring.ensure_subject(&mut tx, &ctx, person).await.unwrap();
                member.seal(&key).unwrap()
            }
            _ => member.seal(&keys).unwrap(),
        };
        sqlx::query("insert into shop.member (tenant_id, id, person_id, email) values ($1, $2, $3, $4)")
            .bind(row.tenant_id)
            .bind(row.id)
            .bind(row.person_id)
            .bind(&row.email)
            .execute(&mut tx)
            .await
            .unwrap();
        let tagged = Tagged::new(row.id, email);
        self.keyring.tag(&mut tx, &ctx, &EMAIL, &tagged).await.unwrap();
        tx.commit().await.unwrap();
        row.id
    }

    pub(crate) async fn members(&self) -> Vec<Member> {
        let mut read = self.db.read(&self.ctx()).await.unwrap();
        sqlx::query_as(
            "select tenant_id, id, person_id, email from shop.member where tenant_id = $1 order by id",
        )
        .bind(self.tenant)
        .fetch_all(&mut read)
        .await
        .unwrap()
    }

    /// Replaces the stored bytes of a member's e-mail.
    pub(crate) async fn overwrite_member(&self, id: CustomerId, email: &[u8]) {
        let mut tx = self.db.begin(&self.ctx()).await.unwrap();
        sqlx::query("update shop.member set email = $3 where tenant_id = $1 and id = $2")
            .bind(self.tenant)
            .bind(id)
            .bind(email)
            .execute(&mut tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// The members with an e-mail.
    pub(crate) async fn found(&self, email: &str) -> Vec<RowId> {
        let ctx = self.ctx();
        let mut read = self.db.read(&ctx).await.unwrap();
        self.keyring.find(&mut read, &ctx, &EMAIL, email).await.unwrap()
    }

    /// Replaces the stored bytes of an e-mail.
    pub(crate) async fn overwrite(&self, id: CustomerId, email: &[u8]) {
        let mut tx = self.db.begin(&self.ctx()).await.unwrap();
        sqlx::query("update shop.customer set email = $3 where tenant_id = $1 and id = $2")
            .bind(self.tenant)
            .bind(id)
            .bind(email)
            .execute(&mut tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn rows(&self) -> Vec<Customer> {
        let mut read = self.db.read(&self.ctx()).await.unwrap();
        sqlx::query_as(
            "select tenant_id, id, email, phone, visits from shop.customer where tenant_id = $1 order by id",
        )
        .bind(self.tenant)
        .fetch_all(&mut read)
        .await
        .unwrap()
    }

    pub(crate) async fn row(&self, id: CustomerId) -> Customer {
        let rows = self.rows().await;
        rows.into_iter().find(|row| row.id == id).unwrap()
    }

    /// Opens every customer, as a service does.
    pub(crate) async fn emails(&self) -> Vec<String> {
        let rows = self.rows().await;
        let opened = self.keyring.open_all(&self.ctx(), &rows).await.unwrap();
        let emails = opened.into_iter().map(|row| row.unwrap().email.expose().clone());
        emails.collect()
    }

    /// How many values are under each of the tenant's data keys, by version.
    pub(crate) async fn under(&self, key: &KeyInfo) -> usize {
        let rows = self.rows().await;
        let ids = rows.iter().flat_map(SealedRow::key_ids);
        ids.filter(|id| *id == key.id).count()
    }

    pub(crate) async fn progress(&self) -> ResealProgress {
        let progress = self.keyring.reseal_progress(&self.ctx()).await.unwrap();
        let wanted = |one: &ResealProgress| one.table == "shop.customer";
        progress.into_iter().find(wanted).unwrap()
    }

    pub(crate) async fn version(&self, version: u32) -> KeyInfo {
        let keys = self.keyring.list(&self.ctx()).await.unwrap();
        let wanted = |key: &KeyInfo| key.purpose == Purpose::Data && key.version == version;
        keys.into_iter().find(wanted).unwrap()
    }
}

async fn keyring(db: &Db, erasure: &Path, block: u64) -> Keyring {
    let root = LocalRoot::insecure_for_tests(db.sources());
    let erasure = FileErasureStore::open(erasure).unwrap();
    Keyring::builder(db, Arc::new(root))
        .ttl(TTL)
        .lease(block)
        .erasure(Arc::new(erasure))
        .sealed::<Customer>()
        .sealed::<Member>()
        .open()
        .await
        .unwrap()
}
