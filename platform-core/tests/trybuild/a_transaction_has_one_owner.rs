use platform_core::pg::TenantTx;

fn twice(tx: &TenantTx) -> TenantTx {
    tx.clone()
}

fn main() {}
