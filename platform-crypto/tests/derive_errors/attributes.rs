use platform_core::{TenantId, uuid::Uuid};
use platform_crypto::{Sealed, SealedRow};

#[derive(SealedRow)]
#[sealed(table = "shop.customer", owner = "me")]
struct UnknownOnStruct {
    #[sealed(tenant)]
    tenant_id: TenantId,
    #[sealed(row)]
    id: Uuid,
    email: Sealed<String>,
}

#[derive(SealedRow)]
#[sealed(table = "shop.customer")]
struct UnknownOnField {
    #[sealed(tenant)]
    tenant_id: TenantId,
    #[sealed(row)]
    id: Uuid,
    #[sealed(mask)]
    email: Sealed<String>,
}

#[derive(SealedRow)]
#[sealed(table = "shop.customer")]
struct TableOnField {
    #[sealed(tenant)]
    tenant_id: TenantId,
    #[sealed(row)]
    id: Uuid,
    #[sealed(table = "shop.customer")]
    email: Sealed<String>,
}

#[derive(SealedRow)]
#[sealed(table = "shop.customer")]
struct PaddedOddly {
    #[sealed(tenant)]
    tenant_id: TenantId,
    #[sealed(row)]
    id: Uuid,
    #[sealed(padded = 20)]
    email: Sealed<String>,
}

#[derive(SealedRow)]
#[sealed(table = "shop.customer")]
struct SealedId {
    #[sealed(tenant)]
    tenant_id: TenantId,
    #[sealed(row)]
    id: Sealed<String>,
}

fn main() {}
