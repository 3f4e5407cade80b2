use platform_core::{TenantId, uuid::Uuid};
use platform_crypto::{Sealed, SealedRow};

#[derive(SealedRow)]
#[sealed(table = "shop.customer")]
struct TwoTenantsAndRows {
    #[sealed(tenant)]
    tenant_id: TenantId,
    #[sealed(tenant)]
    other: TenantId,
    #[sealed(row)]
    id: Uuid,
    #[sealed(row)]
    order_id: Uuid,
    email: Sealed<String>,
}

#[derive(SealedRow)]
#[sealed(table = "shop.customer")]
struct TwoRoles {
    #[sealed(tenant, row)]
    tenant_id: TenantId,
    email: Sealed<String>,
}

#[derive(SealedRow)]
#[sealed(table = "shop.customer", table = "shop.client")]
struct TwoTables {
    #[sealed(tenant)]
    tenant_id: TenantId,
    #[sealed(row)]
    id: Uuid,
    email: Sealed<String>,
}

#[derive(SealedRow)]
#[sealed(table = "shop.customer")]
struct TwoOfAColumn {
    #[sealed(tenant)]
    tenant_id: TenantId,
    #[sealed(row)]
    id: Uuid,
    email: Sealed<String>,
    #[sealed(column = "email")]
    second: Sealed<String>,
}

fn main() {}
