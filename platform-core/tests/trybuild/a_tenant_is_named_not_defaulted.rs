use platform_core::TenantId;

fn none() -> TenantId {
    TenantId::default()
}

fn main() {}
