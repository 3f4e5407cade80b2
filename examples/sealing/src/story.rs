//! What happens, told while it happens.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use platform_core::pg::Db;
use platform_core::{RequestContext, Sources};
use platform_crypto::{Keyring, OpenError, Pacing, Purpose, SubjectId};
use tempfile::TempDir;

use crate::database::{Server, make_tenant};
use crate::load::Load;
use crate::shop::{CustomerId, Shop, SupplierId, TTL, open_keyring};

/// How many values are there to be moved.
const SUPPLIERS: usize = 60;

/// A folder that is removed at the end, and that PostgreSQL can get at when this runs as root.
///
/// # Errors
/// When it cannot be made.
pub fn folder() -> anyhow::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o711))?;
    Ok(folder)
}

/// Tells the story in a folder. `wait` lets time pass.
///
/// # Errors
/// When something fails, or is not as the story says.
pub async fn tell(
    folder: &Path,
    sources: Sources,
    wait: impl AsyncFn(Duration),
    say: impl Fn(&str),
) -> anyhow::Result<()> {
    let server = Server::start(&folder.join("data")).await?;
    server.create("shop").await?;
    server.migrate("shop").await?;
    let db = server.connect("shop", sources).await?;
    let tenant = make_tenant(&db, "acme", "Acme Ltd").await?;
    let keyring = open_keyring(&db, &folder.join("keys")).await?;
    let story = Story {
        folder,
        server: &server,
        ctx: RequestContext::system(tenant, "show how fields are sealed", db.sources()),
        shop: Shop::new(&db, &keyring),
        keyring,
        db: db.clone(),
    };

    let ada = story.seal(&say).await?;
    story.rotate(wait, &say).await?;
    story.erase(ada, &say).await?;

    drop(story);
    db.close().await;
    server.stop().await
}

struct Story<'a> {
    folder: &'a Path,
    server: &'a Server,
    ctx: RequestContext,
    db: Db,
    keyring: Keyring,
    shop: Shop,
}

impl Story<'_> {
    /// Adds Ada and Bob.
    async fn seal(&self, say: &impl Fn(&str)) -> anyhow::Result<CustomerId> {
        say("1. Seal");
        let phone = Some("+44 20 7946 0958");
        let ada = self
            .shop
            .add_customer(&self.ctx, "ada@example.com", phone)
            .await?;
        self.shop.add_customer(&self.ctx, "bob@example.com", None).await?;
        for row in self.shop.stored_customers(&self.ctx).await? {
            say(&format!("   stored: {row:?}"));
        }
        show_customers(&self.shop, &self.ctx, say).await?;
        Ok(ada)
    }

    /// Exchanges the tenant's key while others read and write.
    async fn rotate(&self, wait: impl AsyncFn(Duration), say: &impl Fn(&str)) -> anyhow::Result<()> {
        say("2. Rotate the key under load");
        let ctx = &self.ctx;
        let mut suppliers = Vec::with_capacity(SUPPLIERS);
        for _ in 0..SUPPLIERS {
            let id = SupplierId::generate(self.db.sources());
            self.shop.put_supplier(ctx, id, "GB82WEST12345698765432").await?;
            suppliers.push(id);
        }
        let (first, load) = (suppliers[0], Load::begin(&self.shop, ctx, suppliers));
        say(&format!(
            "   stored: {:?}",
            self.shop.supplier(ctx, first).await?.iban
        ));

        let key = self.keyring.rotate(ctx, Purpose::Data).await?;
        say(&format!(
            "   version {} is published; it seals once every process has had the time to load it",
            key.version
        ));
        wait(TTL).await;
        self.keyring.promote(ctx).await?;
        let pacing = Pacing::new(10, Duration::from_millis(5));
        let resealed = self.keyring.reseal(ctx, pacing).await?;
        ensure!(resealed.failed == 0, "{resealed:?}");
        say(&format!(
            "   {} values are sealed anew and {} customers' keys wrapped anew, in {} steps",
            resealed.moved, resealed.rewrapped, resealed.steps
        ));
        // Two times-to-live from when it was replaced, nobody can have it in use any more.
        wait(2 * TTL).await;
        self.keyring.destroy(ctx, Purpose::Data, 1).await?;
        say("   version 1 is destroyed");

        let (reads, writes) = load.end().await?;
        say(&format!(
            "   meanwhile there were {reads} reads and {writes} writes; none failed"
        ));
        say(&format!(
            "   stored: {:?}",
            self.shop.supplier(ctx, first).await?.iban
        ));
        Ok(())
    }

    /// Erases Ada and brings a backup back in which she still is.
    async fn erase(&self, ada: CustomerId, say: &impl Fn(&str)) -> anyhow::Result<()> {
        say("3. Erase a customer beyond a backup");
        let backup = self.folder.join("shop.dump");
        self.server.back_up("shop", &backup).await?;
        say("   the database is backed up, with Ada in it");
        let ada = SubjectId::from_stored(ada.as_uuid());
        self.keyring.erase(&self.ctx, ada).await?;
        say("   Ada is erased");
        show_customers(&self.shop, &self.ctx, say).await?;

        self.server.restore(&backup, "restored").await?;
        let db = self.server.connect("restored", self.db.sources().clone()).await?;
        let keyring = open_keyring(&db, &self.folder.join("keys")).await?;
        say("   the backup is restored, and opened with every key there is");
        let erased = show_customers(&Shop::new(&db, &keyring), &self.ctx, say).await?;
        ensure!(
            erased == 1,
            "{erased} customers are erased in the restored database"
        );
        db.close().await;
        Ok(())
    }
}

/// Shows who can be read; how many were erased.
async fn show_customers(shop: &Shop, ctx: &RequestContext, say: &impl Fn(&str)) -> anyhow::Result<usize> {
    let mut erased = 0;
    for customer in shop.customers(ctx).await? {
        match customer {
            // The only place where a value is shown, because it is the point of the story.
            Ok(customer) => say(&format!("   opened: {}", customer.email.expose())),
            Err(OpenError::KeyDestroyed(key)) => {
                erased += 1;
                say(&format!("   erased: the key {key} is gone"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(erased)
}
