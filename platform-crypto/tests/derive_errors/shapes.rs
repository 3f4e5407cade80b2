use platform_core::TenantId;
use platform_crypto::{Sealed, SealedRow};

#[derive(SealedRow)]
#[sealed(table = "shop.customer")]
enum Either {
    One(Sealed<String>),
}

#[derive(SealedRow)]
#[sealed(table = "shop.customer")]
struct Tuple(TenantId, Sealed<String>);

#[derive(SealedRow)]
#[sealed(table = "shop.customer")]
struct Generic<T> {
    #[sealed(tenant)]
    tenant_id: TenantId,
    value: Sealed<T>,
}

fn main() {}
