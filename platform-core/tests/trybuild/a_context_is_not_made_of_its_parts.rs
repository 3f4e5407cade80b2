use platform_core::{RequestContext, TenantId};

fn forge(ctx: RequestContext, tenant: TenantId) -> RequestContext {
    RequestContext { tenant, ..ctx }
}

fn main() {}
