use platform_core::{
    Authority, Denied, Forbidden, Granted, Holding, Needs, OwnedResource, Permission, PermissionSet,
    Principal, PrincipalId, RequestContext, RequestMeta, Resource, Sources, TenantId, Timestamp, Window,
};

const SEE: Permission = Permission::new("parcels:see");
const OPEN: Permission = Permission::new("parcels:open");

const TO_OPEN: Needs = Needs {
    to_see: SEE,
    to_act: OPEN,
};

/// Somebody to whom each permission was granted on one depot.
fn caller(grants: &[(Permission, &str)], now: Timestamp) -> RequestContext {
    let sources = Sources::system();
    let holding = |(permission, depot): &(Permission, &str)| Holding {
        permissions: PermissionSet::from_iter([*permission]),
        on: Some(OwnedResource {
            kind: "depot".into(),
            id: (*depot).into(),
        }),
        window: Window::ALWAYS,
    };
    let granted = Granted::new(grants.iter().map(holding));
    let authority = Authority::new(PermissionSet::default()).with(granted, now);
    let principal = Principal::user(PrincipalId::generate(&sources), PermissionSet::default());
    RequestContext::authenticated(
        TenantId::generate(&sources),
        principal.with_authority(authority),
        RequestMeta::internal(&sources),
    )
}

fn depot(id: &str) -> Resource<'_> {
    Resource::new("depot", id).unwrap()
}

#[test]
fn what_may_not_be_seen_is_hidden_and_what_may_be_seen_alone_is_forbidden() {
    let now = Sources::system().now();
    let ctx = caller(
        &[(SEE, "north"), (SEE, "south"), (OPEN, "south"), (OPEN, "west")],
        now,
    );
    let open = |id| ctx.authorize_visible(TO_OPEN, &depot(id), id, now).map(|id| *id);

    assert_eq!(open("east"), Err(Denied::Hidden));
    assert_eq!(open("north"), Err(Denied::Forbidden(Forbidden::new(OPEN))));
    assert_eq!(open("south"), Ok("south"));
    assert_eq!(open("west"), Err(Denied::Hidden), "to act is not to see");
}

#[test]
fn the_proof_names_the_permission_and_gives_the_value_back() {
    let now = Sources::system().now();
    let ctx = caller(&[(OPEN, "north")], now);

    let proof = ctx.authorize(OPEN, &depot("north"), "a parcel", now).unwrap();

    assert_eq!(proof.permission(), OPEN);
    assert_eq!(proof.into_inner(), "a parcel");
}

#[test]
fn a_permission_on_one_resource_is_none_in_the_whole_tenant() {
    let now = Sources::system().now();
    let ctx = caller(&[(OPEN, "north")], now);

    assert_eq!(ctx.require(OPEN), Err(Forbidden::new(OPEN)));
}

#[test]
fn a_system_job_may_everything_and_who_has_not_signed_in_nothing() {
    let sources = Sources::system();
    let (now, tenant) = (sources.now(), TenantId::generate(&sources));
    let job = RequestContext::system(tenant, "test", &sources);
    let nobody = RequestContext::anonymous(tenant, RequestMeta::internal(&sources));

    assert!(job.authorize_visible(TO_OPEN, &depot("north"), (), now).is_ok());
    let refused = nobody.authorize_visible(TO_OPEN, &depot("north"), (), now);
    assert_eq!(refused.map(|_| ()), Err(Denied::Hidden));
}

#[test]
fn who_would_have_a_permission_after_a_second_factor_is_told_so_and_has_it_no_sooner() {
    let now = Sources::system().now();
    let whole = caller(&[(SEE, "north"), (OPEN, "north"), (SEE, "south")], now);
    let everywhere = Authority::new(PermissionSet::from_iter([SEE]));
    let own = whole.principal().authority().clone();
    let bare = |withheld| caller(&[], now).withholding(withheld);
    let until = |permission| Err(Denied::Forbidden(Forbidden::until_second_factor(permission)));
    let ctx = bare(own);
    let open = |id| ctx.authorize_visible(TO_OPEN, &depot(id), (), now).map(|_| ());

    assert_eq!(open("north"), until(SEE));
    assert_eq!(open("south"), until(SEE));
    assert_eq!(open("east"), Err(Denied::Hidden));
    assert!(!ctx.may(SEE, &depot("north"), now));
    let acted = ctx.authorize(OPEN, &depot("north"), (), now).map(|_| ());
    assert_eq!(acted, until(OPEN));
    let acted = ctx.authorize(OPEN, &depot("south"), (), now).map(|_| ());
    assert_eq!(acted, Err(Denied::Forbidden(Forbidden::new(OPEN))));
    assert_eq!(
        ctx.require(SEE),
        Err(Forbidden::new(SEE)),
        "held on two depots alone"
    );
    let ctx = bare(everywhere);
    assert_eq!(ctx.require(SEE), Err(Forbidden::until_second_factor(SEE)));
    assert_eq!(ctx.require(OPEN), Err(Forbidden::new(OPEN)));
}
