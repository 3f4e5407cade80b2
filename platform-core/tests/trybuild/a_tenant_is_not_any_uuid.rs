use platform_core::TenantId;
use platform_core::uuid::Uuid;

fn any(uuid: Uuid) -> TenantId {
    TenantId(uuid)
}

fn main() {}
