//! Every hazard, planted in a database of its own, is found on its object, and nothing else is.

use platform_core::Sources;
use platform_core::pg::{AllowList, Allowed, Db, DbConfig, Level, Report};
use platform_core::testing::{OWNER_LOGIN, TestDb};

use crate::support::{TENANT_TABLES, as_superuser, group_role, login, own_shop, shop};

/// What a planted text may name.
struct Names {
    login: String,
    /// A group role that nobody has made.
    role: &'static str,
    database: String,
}

impl Names {
    fn fill(&self, text: &str) -> String {
        text.replace("{login}", &self.login)
            .replace("{role}", self.role)
            .replace("{owner}", OWNER_LOGIN)
            .replace("{database}", &self.database)
    }
}

async fn check(url: String) -> Report {
    let db = Db::connect(&DbConfig::new(url), Sources::system()).await.unwrap();
    let report = db.self_check(&AllowList::core()).await.unwrap();
    db.close().await;
    report
}

/// Code and object of everything that is not allowed, but for what the test's server itself is warned of.
pub(crate) fn found(report: &Report) -> Vec<(&'static str, String)> {
    report
        .findings()
        .iter()
        .filter(|finding| finding.allowed.is_none() && finding.code != "SERVER_VERSION_VULNERABLE")
        .map(|finding| (finding.code, finding.object.clone()))
        .collect()
}

pub(crate) async fn assert_found(options: &str, plant: &str, expected: &[(&'static str, &str)]) {
    let test = own_shop().await;
    let (login, url) = login(test.database(), options, true).await;
    let names = Names {
        login,
        role: group_role().name(),
        database: test.database().name().to_owned(),
    };
    as_superuser(test.database(), &names.fill(plant)).await;

    let report = check(url).await;

    let expected: Vec<_> = expected
        .iter()
        .map(|(code, object)| (*code, names.fill(object)))
        .collect();
    assert_eq!(found(&report), expected, "{plant}");
    let only_warnings = report
        .findings()
        .iter()
        .all(|finding| finding.level == Level::Warning || finding.allowed.is_some());
    assert_eq!(report.passes(), only_warnings, "{report}");
}

macro_rules! hazards {
    ($($name:ident: $plant:expr => [$($code:literal on $object:expr),* $(,)?];)+) => {$(
        #[tokio::test]
        async fn $name() {
            $crate::hazards::assert_found("", $plant, &[$(($code, $object)),*]).await;
        }
    )+};
}
pub(crate) use hazards;

macro_rules! logins {
    ($($name:ident: $options:literal, $plant:expr => $code:literal on $object:expr;)+) => {$(
        #[tokio::test]
        async fn $name() {
            assert_found($options, $plant, &[($code, $object)]).await;
        }
    )+};
}

logins! {
    a_superuser_is_refused: "superuser", "" => "ROLE_SUPERUSER" on "{login}";
    a_login_that_bypasses_policies_is_refused: "bypassrls", "" => "ROLE_BYPASSRLS" on "{login}";
    a_login_that_creates_roles_is_refused: "createrole", "" => "ROLE_CREATEROLE" on "{login}";
    a_login_that_replicates_is_refused: "replication", "" => "ROLE_REPLICATION" on "{login}";
    a_login_that_may_take_a_bypassing_role_is_refused: "",
        "create role {login}_above bypassrls; grant {login}_above to {login}"
        => "ROLE_CAN_BECOME_BYPASS" on "{login}_above";
    a_login_two_steps_below_a_superuser_is_refused: "",
        "create role {login}_above superuser; create role {login}_between in role {login}_above;
         grant {login}_between to {login}"
        => "ROLE_CAN_BECOME_BYPASS" on "{login}_above";
    a_login_that_may_read_the_servers_files_is_refused: "", "grant pg_read_server_files to {login}"
        => "ROLE_CAN_BECOME_BYPASS" on "pg_read_server_files";
    a_login_that_may_become_the_owner_is_refused: "", "grant {owner} to {login}"
        => "ROLE_CAN_BECOME_OWNER" on "{owner}";
    a_login_that_owns_a_tenant_table_is_refused: "", "alter table shop.part owner to {login}"
        => "ROLE_CAN_BECOME_OWNER" on "{login}";
}

hazards! {
    nothing_planted_is_nothing_found: "" => [];

    row_security_switched_off_is_found: "alter role {login} in database {database} set row_security = off"
        => ["ROW_SECURITY_OFF" on "row_security"];
    a_tenant_set_for_every_session_of_the_login_is_found:
        "alter role {login} in database {database} set platform.tenant_id = '018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12'"
        => ["LEAKED_SESSION_TENANT" on "platform.tenant_id", "CANARY_LEAKED" on "platform_core.canary"];
    a_scope_set_for_every_session_of_the_database_is_found:
        "alter database {database} set platform.tenant_scope = '018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12'"
        => ["LEAKED_SESSION_TENANT" on "platform.tenant_scope"];
    set_config_is_a_warning: "grant execute on function set_config(text, text, boolean) to platform_app"
        => ["SET_CONFIG_EXECUTABLE" on "pg_catalog.set_config(text,text,boolean)"];

    a_table_without_row_security_is_found: "alter table shop.item disable row level security"
        => ["RLS_NOT_ENABLED" on "shop.item"];
    a_tenant_table_that_was_made_later_is_found:
        "create table shop.later (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id))"
        => ["RLS_NOT_ENABLED" on "shop.later"];
    a_partition_that_was_attached_later_is_found:
        "create table shop.ledger (tenant_id uuid not null, day date not null, primary key (tenant_id, day))
             partition by range (day);
         alter table shop.ledger owner to {owner};
         select platform_core.tenant_table('shop.ledger', 'select, insert');
         create table shop.ledger_2026 partition of shop.ledger for values from ('2026-01-01') to ('2027-01-01')"
        => ["RLS_NOT_ENABLED" on "shop.ledger_2026"];
    the_canary_itself_without_row_security_is_found: "alter table platform_core.canary disable row level security"
        => ["RLS_NOT_ENABLED" on "platform_core.canary", "CANARY_LEAKED" on "platform_core.canary"];
    row_security_that_is_not_forced_is_found: "alter table shop.item no force row level security"
        => ["RLS_NOT_FORCED" on "shop.item"];
    a_table_without_policies_is_found:
        "drop policy tenant_isolation on shop.item; drop policy tenant_floor on shop.item; drop policy subtree_read on shop.item"
        => ["NO_POLICY" on "shop.item"];
    a_canary_that_cannot_be_seen_proves_nothing:
        "drop policy tenant_floor on platform_core.canary;
         create policy tenant_floor on platform_core.canary as restrictive for select to platform_app using (false)"
        => ["POLICY_NOT_CANONICAL" on "platform_core.canary.tenant_floor", "CANARY_BLIND" on "platform_core.canary"];

    a_missing_policy_is_found: "drop policy tenant_floor on shop.item"
        => ["POLICY_NOT_CANONICAL" on "shop.item.tenant_floor"];
    an_additional_policy_is_found: "create policy support on shop.item for select to platform_app using (true)"
        => ["POLICY_NOT_CANONICAL" on "shop.item.support"];
    a_policy_that_shows_everything_is_found: "alter policy tenant_isolation on shop.item using (true)"
        => ["POLICY_NOT_CANONICAL" on "shop.item.tenant_isolation"];
    a_policy_that_lets_everything_be_written_is_found: "alter policy tenant_isolation on shop.item with check (true)"
        => ["POLICY_NOT_CANONICAL" on "shop.item.tenant_isolation"];
    a_policy_for_everybody_is_found: "alter policy tenant_isolation on shop.item to public"
        => ["POLICY_NOT_CANONICAL" on "shop.item.tenant_isolation"];
    a_floor_that_only_permits_is_found:
        "drop policy tenant_floor on shop.item;
         create policy tenant_floor on shop.item to platform_app
             using (tenant_id = (select current_setting('platform.tenant_id')::uuid))
             with check (tenant_id = (select current_setting('platform.tenant_id')::uuid))"
        => ["POLICY_NOT_CANONICAL" on "shop.item.tenant_floor"];
    a_policy_for_one_command_is_found:
        "drop policy tenant_floor on shop.item;
         create policy tenant_floor on shop.item as restrictive for select to platform_app
             using (tenant_id = (select current_setting('platform.tenant_id')::uuid))"
        => ["POLICY_NOT_CANONICAL" on "shop.item.tenant_floor"];
    a_policy_that_is_silent_without_a_tenant_is_found:
        "alter policy tenant_isolation on shop.item
             using (tenant_id = (select current_setting('platform.tenant_id', true)::uuid))"
        => ["POLICY_NOT_CANONICAL" on "shop.item.tenant_isolation"];
    a_policy_that_reads_the_setting_for_every_row_is_found:
        "alter policy tenant_isolation on shop.item using (tenant_id = current_setting('platform.tenant_id')::uuid)"
        => ["POLICY_NOT_CANONICAL" on "shop.item.tenant_isolation"];
    a_policy_that_casts_the_column_is_found:
        "alter policy tenant_isolation on shop.item
             using (tenant_id::text = (select current_setting('platform.tenant_id')::uuid)::text)"
        => ["POLICY_NOT_CANONICAL" on "shop.item.tenant_isolation"];
    a_policy_that_reads_another_setting_is_found:
        "alter policy tenant_isolation on shop.item using (tenant_id = (select current_setting('my.tenant_id')::uuid))"
        => ["POLICY_NOT_CANONICAL" on "shop.item.tenant_isolation"];
    a_policy_over_a_function_of_the_same_name_is_found:
        "create function shop.current_setting(text) returns text stable language sql return $1;
         alter policy tenant_isolation on shop.item
             using (tenant_id = (select shop.current_setting('platform.tenant_id')::uuid))"
        => ["POLICY_NOT_CANONICAL" on "shop.item.tenant_isolation"];
    a_policy_over_an_operator_of_the_same_name_is_found:
        "create function shop.always(uuid, uuid) returns boolean immutable language sql return true;
         create operator shop.= (leftarg = uuid, rightarg = uuid, function = shop.always);
         alter policy tenant_isolation on shop.item
             using (tenant_id operator(shop.=) (select current_setting('platform.tenant_id')::uuid))"
        => ["POLICY_NOT_CANONICAL" on "shop.item.tenant_isolation"];
    a_subtree_policy_over_the_closure_is_found:
        "alter policy subtree_read on shop.item using (tenant_id in (select descendant from platform_core.tenant_closure))"
        => ["POLICY_NOT_CANONICAL" on "shop.item.subtree_read"];

    a_tenant_id_that_may_be_null_is_found:
        "create table shop.loose (tenant_id uuid not null, id uuid);
         create index on shop.loose (tenant_id);
         select platform_core.tenant_table('shop.loose', 'select');
         alter table shop.loose alter tenant_id drop not null"
        => ["TENANT_ID_NULLABLE" on "shop.loose"];
    a_unique_index_over_all_tenants_is_found: "create unique index item_name on shop.item (name)"
        => ["UNIQUE_NOT_TENANT_SCOPED" on "shop.item_name"];
    a_unique_index_that_only_includes_the_tenant_is_found:
        "create unique index item_name on shop.item (name) include (tenant_id)"
        => ["UNIQUE_NOT_TENANT_SCOPED" on "shop.item_name"];
    an_exclusion_over_all_tenants_is_found:
        "alter table shop.item add constraint item_price exclude using btree (price with =)"
        => ["UNIQUE_NOT_TENANT_SCOPED" on "shop.item_price"];
    a_foreign_key_without_the_tenant_is_found:
        "alter table shop.part add other_tenant uuid;
         alter table shop.part add constraint part_other foreign key (other_tenant, item_id) references shop.item (tenant_id, id)"
        => ["FK_NOT_TENANT_SCOPED" on "shop.part.part_other"];
    a_foreign_key_from_a_table_of_no_tenant_is_found:
        "create table shop.pin (whose uuid, item_id uuid,
             constraint pin_item foreign key (whose, item_id) references shop.item (tenant_id, id))"
        => ["FK_NOT_TENANT_SCOPED" on "shop.pin.pin_item"];
    a_table_without_an_index_by_tenant_is_a_warning: "alter table shop.part drop constraint part_pkey"
        => ["NO_TENANT_LEADING_INDEX" on "shop.part"];
    a_partial_index_by_tenant_does_not_count:
        "alter table shop.part drop constraint part_pkey;
         create index on shop.part (tenant_id) where item_id is not null"
        => ["NO_TENANT_LEADING_INDEX" on "shop.part"];

    a_view_with_its_owners_rights_is_found:
        "create view shop.everything as select * from shop.item; grant select on shop.everything to platform_app"
        => ["VIEW_NOT_SECURITY_INVOKER" on "shop.everything"];
    a_view_over_a_view_with_its_owners_rights_is_found:
        "create view shop.outer_view as select name from shop.cheap; grant select on shop.outer_view to platform_subtree"
        => ["VIEW_NOT_SECURITY_INVOKER" on "shop.outer_view"];
    a_view_that_nobody_may_read_is_nothing: "create view shop.everything as select * from shop.item" => [];
    a_view_with_the_callers_rights_is_nothing_however_it_is_spelt:
        "create view shop.mine with (security_invoker = yes) as select * from shop.item; grant select on shop.mine to platform_app"
        => [];
    a_materialized_view_is_found:
        "create materialized view shop.frozen as select * from shop.item; grant select on shop.frozen to platform_app"
        => ["MATVIEW_OVER_TENANT_TABLE" on "shop.frozen"];
    a_function_with_its_owners_rights_is_found:
        "create function shop.peek(integer) returns bigint security definer language sql as 'select count(*) from shop.item'"
        => ["SECURITY_DEFINER_EXECUTABLE" on "shop.peek(integer)"];
    a_function_with_its_owners_rights_that_nobody_may_call_is_nothing:
        "create function shop.peek() returns bigint security definer language sql as 'select count(*) from shop.item';
         revoke execute on function shop.peek() from public"
        => [];
    an_immutable_function_that_reads_the_tenant_is_found:
        "create function shop.tenant() returns uuid immutable language sql
             as $$ select current_setting('platform.tenant_id')::uuid $$"
        => ["IMMUTABLE_FN_READS_SETTING" on "shop.tenant()"];
    an_immutable_function_with_a_parsed_body_that_reads_the_tenant_is_found:
        "create function shop.tenant() returns uuid immutable language sql
             return current_setting('platform.tenant_id')::uuid"
        => ["IMMUTABLE_FN_READS_SETTING" on "shop.tenant()"];
    a_published_tenant_table_is_found: "create publication feed for table shop.item"
        => ["PUBLICATION_LEAK" on "shop.item.feed"];
    a_published_schema_is_found: "create publication feed for tables in schema platform_core"
        => [
            "PUBLICATION_LEAK" on "platform_core.canary.feed",
            "PUBLICATION_LEAK" on "platform_core.idempotency_key.feed",
            "PUBLICATION_LEAK" on "platform_core.lease.feed"
        ];

    a_shared_table_without_a_reason_is_found:
        "create table shop.rate (currency text primary key); grant select on shop.rate to platform_app"
        => ["TABLE_WITHOUT_TENANT_COLUMN" on "shop.rate"];
    a_shared_table_of_which_one_column_is_granted_is_found:
        "create table shop.rate (currency text primary key); grant update (currency) on shop.rate to platform_subtree"
        => ["TABLE_WITHOUT_TENANT_COLUMN" on "shop.rate"];
    a_shared_table_granted_to_everybody_is_found:
        "create table shop.rate (currency text primary key); grant delete on shop.rate to public"
        => ["TABLE_WITHOUT_TENANT_COLUMN" on "shop.rate"];
    a_table_in_a_schema_out_of_reach_is_nothing:
        "create schema legacy; create table legacy.account (tenant_id uuid); grant all on legacy.account to public"
        => [];

    the_right_to_truncate_is_found: "grant truncate on shop.item to platform_app"
        => ["TRUNCATE_PRIVILEGE" on "shop.item"];
    the_right_to_refer_to_a_table_is_found: "grant references (tenant_id) on shop.item to platform_app"
        => ["REFERENCES_PRIVILEGE" on "shop.item"];
    the_right_to_add_triggers_is_found: "grant trigger on shop.item to public"
        => ["TRIGGER_PRIVILEGE" on "shop.item"];
    the_right_to_make_temporary_tables_is_found: "grant temporary on database {database} to platform_app"
        => ["TEMP_PRIVILEGE" on "{database}"];
    the_right_to_create_in_a_schema_is_found: "grant create on schema shop to platform_app"
        => ["SCHEMA_CREATE" on "shop"];
    the_right_to_create_schemas_is_found: "grant create on database {database} to platform_subtree"
        => ["SCHEMA_CREATE" on "{database}"];
    default_privileges_for_the_application_are_found:
        "alter default privileges for role {owner} in schema shop grant select on tables to platform_app"
        => ["UNSAFE_DEFAULT_PRIVILEGES" on "{owner} in shop"];
    default_privileges_for_everybody_are_found:
        "alter default privileges for role {owner} grant insert on tables to public"
        => ["UNSAFE_DEFAULT_PRIVILEGES" on "{owner}"];
}

#[tokio::test]
async fn a_publication_of_all_tables_is_found_on_every_tenant_table() {
    let test = own_shop().await;
    as_superuser(test.database(), "create publication feed for all tables").await;

    let report = check(test.app_url()).await;

    // What is published of a partitioned table are its partitions.
    let leaking: Vec<_> = found(&report).into_iter().map(|(_, object)| object).collect();
    for table in TENANT_TABLES.iter().filter(|table| **table != "shop.entry") {
        assert!(
            leaking.contains(&format!("{table}.feed")),
            "{table} in {leaking:?}"
        );
    }
}

#[tokio::test]
async fn a_migrated_database_holds_nothing_but_what_the_core_allows() {
    let report = check(shop().await.app_url()).await;

    let allowed: Vec<_> = report
        .findings()
        .iter()
        .filter_map(|finding| finding.allowed.map(|_| finding.object.as_str()))
        .collect();
    assert_eq!(found(&report), []);
    assert_eq!(
        allowed,
        [
            "platform_core.platform_lease",
            "platform_core.schema_state",
            "platform_core.tenant",
            "platform_core.tenant_closure",
            "platform_core.tenant_host"
        ]
    );
    assert!(report.passes());
}

#[tokio::test]
async fn the_canary_leaves_nothing_behind() {
    let test: TestDb = shop().await;

    check(test.app_url()).await;

    let left = crate::support::count(test.database(), "select count(*) from platform_core.canary").await;
    assert_eq!(left, 0);
}

#[tokio::test]
async fn an_exception_covers_its_own_code_on_its_own_object_only() {
    let test = own_shop().await;
    let plant = "create table shop.rate (currency text primary key); grant select on shop.rate to platform_app;
                 create table shop.rates (currency text primary key); grant select on shop.rates to platform_app;
                 grant truncate on shop.rate to platform_app";
    as_superuser(test.database(), plant).await;
    let allow = AllowList::core().with(Allowed {
        code: "TABLE_WITHOUT_TENANT_COLUMN",
        object: "shop.rate",
        reason: "the same for everybody",
    });

    let report = test.db().self_check(&allow).await.unwrap();

    assert_eq!(
        found(&report),
        [
            ("TABLE_WITHOUT_TENANT_COLUMN", "shop.rates".to_owned()),
            ("TRUNCATE_PRIVILEGE", "shop.rate".to_owned())
        ]
    );
}

#[tokio::test]
async fn the_operator_is_told_what_is_wrong_and_how_it_is_mended() {
    let test = own_shop().await;
    as_superuser(
        test.database(),
        "alter table shop.item no force row level security",
    )
    .await;

    let report = check(test.app_url()).await;

    let text = report.to_string();
    assert!(
        text.starts_with("the database does not keep tenants apart"),
        "{text}"
    );
    assert!(text.contains("error: RLS_NOT_FORCED on shop.item"), "{text}");
    assert!(
        text.contains("to mend it: alter table ... force row level security"),
        "{text}"
    );
}
