use platform_core::{TenantId, uuid::Uuid};
use platform_crypto::{Sealed, SealedRow};

#[derive(SealedRow)]
#[sealed(table = "shop.customer")]
struct NoTenant {
    #[sealed(row)]
    id: Uuid,
    email: Sealed<String>,
}

#[derive(SealedRow)]
#[sealed(table = "shop.customer")]
struct NoRow {
    #[sealed(tenant)]
    tenant_id: TenantId,
    email: Sealed<String>,
}

#[derive(SealedRow)]
#[sealed(table = "shop.customer")]
struct NothingSealed {
    #[sealed(tenant)]
    tenant_id: TenantId,
    #[sealed(row)]
    id: Uuid,
    email: String,
}

fn main() {}
