//! Hazards of group roles beside the two of every transaction, planted like the others.

use platform_core::pg::{AllowList, Allowed};

use crate::hazards::{found, hazards};
use crate::support::{as_superuser, group_role, own_shop};

hazards! {
    a_group_role_without_any_right_is_nothing: "create role {role}; grant {role} to {login}" => [];
    a_role_that_the_login_may_not_take_is_nothing:
        "create role {role} bypassrls; grant truncate on shop.item to {role}; grant create on schema shop to {role}"
        => [];

    a_group_role_that_is_a_superuser_is_found: "create role {role} superuser; grant {role} to {login}"
        => ["ROLE_SUPERUSER" on "{role}"];
    a_group_role_that_bypasses_policies_is_found: "create role {role} bypassrls; grant {role} to {login}"
        => ["ROLE_BYPASSRLS" on "{role}"];
    a_group_role_that_creates_roles_is_found: "create role {role} createrole; grant {role} to {login}"
        => ["ROLE_CREATEROLE" on "{role}"];
    a_group_role_that_replicates_is_found: "create role {role} replication; grant {role} to {login}"
        => ["ROLE_REPLICATION" on "{role}"];
    a_group_role_reached_through_another_is_found:
        "create role {role} bypassrls; create role {login}_between in role {role}; grant {login}_between to {login}"
        => ["ROLE_BYPASSRLS" on "{role}"];
    a_group_role_that_may_take_a_bypassing_one_is_found:
        "create role {login}_above bypassrls; create role {role} in role {login}_above; grant {role} to {login}"
        => ["ROLE_CAN_BECOME_BYPASS" on "{login}_above"];
    a_group_role_that_owns_a_tenant_table_is_found:
        "create role {role}; grant {role} to {login}; grant create on schema shop to {role};
         alter table shop.part owner to {role}; revoke create on schema shop from {role};
         revoke truncate, references, trigger on shop.part from {role}"
        => ["ROLE_CAN_BECOME_OWNER" on "{role}"];

    a_group_role_that_may_truncate_is_found:
        "create role {role}; grant {role} to {login}; grant truncate on shop.item to {role}"
        => ["TRUNCATE_PRIVILEGE" on "shop.item"];
    a_group_role_that_may_refer_to_a_table_is_found:
        "create role {role}; grant {role} to {login}; grant references on shop.item to {role}"
        => ["REFERENCES_PRIVILEGE" on "shop.item"];
    a_group_role_that_may_add_triggers_is_found:
        "create role {role}; grant {role} to {login}; grant trigger on shop.item to {role}"
        => ["TRIGGER_PRIVILEGE" on "shop.item"];
    a_group_role_that_may_make_temporary_tables_is_found:
        "create role {role}; grant {role} to {login}; grant temporary on database {database} to {role}"
        => ["TEMP_PRIVILEGE" on "{database}"];
    a_group_role_that_may_create_in_a_schema_is_found:
        "create role {role}; grant {role} to {login}; grant create on schema shop to {role}"
        => ["SCHEMA_CREATE" on "shop"];
    a_group_role_that_may_create_schemas_is_found:
        "create role {role}; grant {role} to {login}; grant create on database {database} to {role}"
        => ["SCHEMA_CREATE" on "{database}"];
    set_config_for_a_group_role_is_a_warning:
        "create role {role}; grant {role} to {login}; grant execute on function set_config(text, text, boolean) to {role}"
        => ["SET_CONFIG_EXECUTABLE" on "pg_catalog.set_config(text,text,boolean)"];
    default_privileges_for_a_group_role_are_found:
        "create role {role}; grant {role} to {login};
         alter default privileges for role {owner} in schema shop grant select on tables to {role}"
        => ["UNSAFE_DEFAULT_PRIVILEGES" on "{owner} in shop"];
    a_function_with_its_owners_rights_for_a_group_role_is_found:
        "create role {role}; grant {role} to {login};
         create function shop.peek() returns bigint security definer language sql as 'select count(*) from shop.item';
         revoke execute on function shop.peek() from public; grant execute on function shop.peek() to {role}"
        => ["SECURITY_DEFINER_EXECUTABLE" on "shop.peek()"];
    a_view_with_its_owners_rights_for_a_group_role_is_found:
        "create role {role}; grant {role} to {login};
         create view shop.everything as select * from shop.item; grant select on shop.everything to {role}"
        => ["VIEW_NOT_SECURITY_INVOKER" on "shop.everything"];
    a_shared_table_for_a_group_role_is_found:
        "create role {role}; grant {role} to {login};
         create table shop.tally (id uuid primary key); grant insert on shop.tally to {role}"
        => ["TABLE_WITHOUT_TENANT_COLUMN" on "shop.tally"];
    a_tenant_table_in_a_schema_for_a_group_role_alone_is_found:
        "create role {role}; grant {role} to {login};
         create schema legacy; grant usage on schema legacy to {role};
         create table legacy.account (tenant_id uuid not null primary key)"
        => ["RLS_NOT_ENABLED" on "legacy.account"];

    a_policy_for_a_group_role_is_found:
        "create role {role}; grant {role} to {login}; create policy counter on shop.item for select to {role} using (true)"
        => ["POLICY_NOT_CANONICAL" on "shop.item.counter"];
    a_policy_of_a_table_and_its_partitions_is_found_once:
        "create role {role};
         create policy counter on shop.entry for select to {role} using (true);
         create policy counter on shop.entry_even for select to {role} using (true);
         create policy counter on shop.entry_odd for select to {role} using (true)"
        => ["POLICY_NOT_CANONICAL" on "shop.entry.counter"];
    a_policy_that_names_its_own_table_is_the_same_on_a_partition:
        "create role {role};
         create policy counter on shop.entry to {role}
             using (exists (select from shop.item i where i.tenant_id = entry.tenant_id))
             with check (exists (select from shop.item i where i.tenant_id = entry.tenant_id));
         create policy counter on shop.entry_even to {role}
             using (exists (select from shop.item i where i.tenant_id = entry_even.tenant_id))
             with check (exists (select from shop.item i where i.tenant_id = entry_even.tenant_id))"
        => ["POLICY_NOT_CANONICAL" on "shop.entry.counter"];
    a_policy_of_a_partition_of_a_partition_is_found_once:
        "create role {role};
         create table shop.ledger (tenant_id uuid not null, day date not null, primary key (tenant_id, day)) partition by range (day);
         create table shop.ledger_2026 partition of shop.ledger for values from ('2026-01-01') to ('2027-01-01') partition by range (day);
         create table shop.ledger_2026_01 partition of shop.ledger_2026 for values from ('2026-01-01') to ('2026-02-01');
         alter table shop.ledger owner to {owner}; alter table shop.ledger_2026 owner to {owner};
         alter table shop.ledger_2026_01 owner to {owner};
         select platform_core.tenant_table('shop.ledger', 'select');
         create policy counter on shop.ledger for select to {role} using (day > '2026-01-01');
         create policy counter on shop.ledger_2026 for select to {role} using (day > '2026-01-01');
         create policy counter on shop.ledger_2026_01 for select to {role} using (day > '2026-01-01')"
        => ["POLICY_NOT_CANONICAL" on "shop.ledger.counter"];
    a_policy_that_a_partition_has_alone_is_found_on_it:
        "create role {role}; create policy counter on shop.entry_even for select to {role} using (true)"
        => ["POLICY_NOT_CANONICAL" on "shop.entry_even.counter"];
    a_policy_that_shows_more_on_a_partition_is_found_on_it:
        "create role {role};
         create policy counter on shop.entry for select to {role} using (id is not null);
         create policy counter on shop.entry_even for select to {role} using (true)"
        => ["POLICY_NOT_CANONICAL" on "shop.entry.counter", "POLICY_NOT_CANONICAL" on "shop.entry_even.counter"];
    a_policy_that_differs_in_its_brackets_on_a_partition_is_found_on_it:
        "create role {role};
         create policy counter on shop.entry for select to {role}
             using (id is null and (tenant_id is null or id is not null));
         create policy counter on shop.entry_even for select to {role}
             using ((id is null and tenant_id is null) or id is not null)"
        => ["POLICY_NOT_CANONICAL" on "shop.entry.counter", "POLICY_NOT_CANONICAL" on "shop.entry_even.counter"];
    a_policy_that_lets_more_be_written_on_a_partition_is_found_on_it:
        "create role {role};
         create policy counter on shop.entry for insert to {role} with check (id is null);
         create policy counter on shop.entry_odd for insert to {role} with check (true)"
        => ["POLICY_NOT_CANONICAL" on "shop.entry.counter", "POLICY_NOT_CANONICAL" on "shop.entry_odd.counter"];
    a_policy_for_another_command_on_a_partition_is_found_on_it:
        "create role {role};
         create policy counter on shop.entry for select to {role} using (true);
         create policy counter on shop.entry_odd to {role} using (true)"
        => ["POLICY_NOT_CANONICAL" on "shop.entry.counter", "POLICY_NOT_CANONICAL" on "shop.entry_odd.counter"];
    a_policy_for_another_role_on_a_partition_is_found_on_it:
        "create role {role};
         create policy counter on shop.entry for select to {role} using (true);
         create policy counter on shop.entry_odd for select to {role}, platform_app using (true)"
        => ["POLICY_NOT_CANONICAL" on "shop.entry.counter", "POLICY_NOT_CANONICAL" on "shop.entry_odd.counter"];
    a_policy_that_another_tables_partition_has_is_found_on_it:
        "create role {role};
         create policy counter on shop.item for select to {role} using (true);
         create policy counter on shop.entry_odd for select to {role} using (true)"
        => ["POLICY_NOT_CANONICAL" on "shop.entry_odd.counter", "POLICY_NOT_CANONICAL" on "shop.item.counter"];
    a_table_that_only_inherits_is_no_partition:
        "create role {role};
         create table shop.heir (primary key (tenant_id, id)) inherits (shop.item);
         alter table shop.heir owner to {owner};
         select platform_core.tenant_table('shop.heir', 'select');
         create policy counter on shop.item for select to {role} using (true);
         create policy counter on shop.heir for select to {role} using (true)"
        => ["POLICY_NOT_CANONICAL" on "shop.heir.counter", "POLICY_NOT_CANONICAL" on "shop.item.counter"];
    an_own_policy_that_was_altered_on_a_table_and_its_partitions_is_still_found:
        "alter policy tenant_isolation on shop.entry using (true);
         alter policy tenant_isolation on shop.entry_even using (true);
         alter policy tenant_isolation on shop.entry_odd using (true)"
        => ["POLICY_NOT_CANONICAL" on "shop.entry.tenant_isolation"];
}

const COUNTED: [Allowed; 2] = [
    Allowed {
        code: "POLICY_NOT_CANONICAL",
        object: "shop.entry.counter",
        reason: "a job counts the entries of all tenants",
    },
    Allowed {
        code: "TABLE_WITHOUT_TENANT_COLUMN",
        object: "shop.tally",
        reason: "holds numbers only",
    },
];

#[tokio::test]
async fn exceptions_of_a_crate_cover_its_policies_on_partitions_of_today_and_tomorrow() {
    let test = own_shop().await;
    let role = group_role().name();
    let plant = format!(
        "create role {role};
         create table shop.tally (id bigint primary key); grant insert on shop.tally to platform_app;
         create policy counter on shop.entry for select to {role} using (true);
         create policy counter on shop.entry_even for select to {role} using (true);
         create policy counter on shop.entry_odd for select to {role} using (true)"
    );
    as_superuser(test.database(), &plant).await;
    let allow = AllowList::core().with_all(&COUNTED);

    let without = test.db().self_check(&AllowList::core()).await.unwrap();
    let with = test.db().self_check(&allow).await.unwrap();

    assert_eq!(
        found(&without),
        COUNTED.map(|allowed| (allowed.code, allowed.object.to_owned()))
    );
    assert!(!without.passes() && with.passes(), "{with}");

    let later = "alter table shop.entry detach partition shop.entry_odd;
         alter table shop.entry_odd rename to entry_of_tomorrow;
         alter table shop.entry attach partition shop.entry_of_tomorrow for values with (modulus 2, remainder 1)";
    as_superuser(test.database(), later).await;
    assert!(test.db().self_check(&allow).await.unwrap().passes());

    as_superuser(
        test.database(),
        &format!("create policy more on shop.entry_of_tomorrow for select to {role} using (true)"),
    )
    .await;
    let beyond = test.db().self_check(&allow).await.unwrap();
    assert_eq!(
        found(&beyond),
        [("POLICY_NOT_CANONICAL", "shop.entry_of_tomorrow.more".to_owned())]
    );
    assert!(!beyond.passes());
}
