use platform_core::{TenantId, uuid::Uuid};
use platform_crypto::{Sealed, SealedRow};

#[derive(SealedRow)]
struct Customer {
    #[sealed(tenant)]
    tenant_id: TenantId,
    #[sealed(row)]
    id: Uuid,
    email: Sealed<String>,
}

fn main() {}
