use platform_core::{TenantId, uuid::Uuid};
use platform_crypto::{Sealed, SealedRow};

#[derive(SealedRow)]
#[sealed(table = "customer")]
struct NoSchema {
    #[sealed(tenant)]
    tenant_id: TenantId,
    #[sealed(row)]
    id: Uuid,
    email: Sealed<String>,
}

#[derive(SealedRow)]
#[sealed(table = "shop.customer")]
struct Injected {
    #[sealed(tenant)]
    tenant_id: TenantId,
    #[sealed(row)]
    id: Uuid,
    #[sealed(column = "email\" = ''; --")]
    email: Sealed<String>,
}

#[derive(SealedRow)]
#[sealed(table = "shop.customer")]
struct NamedInVain {
    #[sealed(tenant)]
    tenant_id: TenantId,
    #[sealed(row)]
    id: Uuid,
    #[sealed(column = "note")]
    remark: String,
    email: Sealed<String>,
}

fn main() {}
