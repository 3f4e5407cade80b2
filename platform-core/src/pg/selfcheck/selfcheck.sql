-- Every known way around the isolation of tenants that the catalog can show, as (code, object), in order, in one round trip.
--
-- Runs as the application's login under the role platform_app. The login itself does nothing (every transaction takes one of the
-- group roles), but it may take any role that it is a member of: what a role is or could become is asked of the login, what can be
-- reached is asked of the group roles. The question is MEMBER rather than USAGE: what counts is whether SET ROLE could work.
--
-- Every name is written schema.name; the search path of the connection holds pg_catalog alone, so that deparsed expressions
-- and regprocedure are qualified too.
with
    -- Group roles of the crates beside the two of every transaction: any role of the platform that the login may take. The owner of
    -- the tables is none, which is a hazard with a code of its own, and whose login is a superuser has no need of them.
    crew as (
        select r.oid
        from pg_catalog.pg_roles r
        join pg_catalog.pg_roles login on login.rolname = session_user and not login.rolsuper
        where r.rolname ~ '^platform_'
            and r.rolname not in (session_user, 'platform_app', 'platform_subtree')
            and pg_catalog.pg_has_role(login.oid, r.oid, 'MEMBER')
            and r.oid is distinct from (
                select relowner from pg_catalog.pg_class where oid = pg_catalog.to_regclass('platform_core.canary')
            )
    ),
    -- The roles a transaction can have, and the login they are taken by.
    me as (
        select oid, rolname, rolsuper, rolbypassrls, rolcreaterole, rolreplication, rolname = session_user as is_login
        from pg_catalog.pg_roles
        where rolname in (session_user, 'platform_app', 'platform_subtree') or oid in (select oid from crew)
    ),
    worker as (
        select oid, rolname
        from pg_catalog.pg_roles
        where rolname in ('platform_app', 'platform_subtree')
            -- What a superuser may do needs no list.
            or (oid in (select oid from crew) and not rolsuper)
    ),
    -- Schemas of the installation.
    space as (
        select
            n.oid,
            n.nspname,
            exists (select from worker w where pg_catalog.has_schema_privilege(w.oid, n.oid, 'USAGE')) as usable
        from pg_catalog.pg_namespace n
        where n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    ),
    relation as (
        select
            c.oid,
            pg_catalog.format('%s.%s', s.nspname, c.relname) as name,
            c.relkind,
            c.relowner,
            c.relrowsecurity,
            c.relforcerowsecurity,
            c.reloptions,
            s.usable,
            t.attnum as tenant_attnum,
            t.attnotnull as tenant_not_null,
            s.usable and exists (
                select from worker w
                where pg_catalog.has_any_column_privilege(w.oid, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
                    or pg_catalog.has_table_privilege(w.oid, c.oid, 'DELETE, TRUNCATE, TRIGGER')
            ) as reachable
        from pg_catalog.pg_class c
        join space s on s.oid = c.relnamespace
        left join pg_catalog.pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant_id' and not t.attisdropped
        where c.relkind in ('r', 'p', 'f', 'v', 'm')
    ),
    -- A table with a tenant_id is a tenant table even before it is granted to anybody: a partition never is, and a table that was
    -- forgotten today is granted tomorrow. Schemas that the application cannot use are none of its business.
    tenant_table as (
        select * from relation where relkind in ('r', 'p', 'f') and tenant_attnum is not null and usable
    ),
    -- Views that show rows of tenants, directly or through other views.
    exposing as (
        with recursive dependent as (
            select r.ev_class as view, d.refobjid as source
            from pg_catalog.pg_rewrite r
            join pg_catalog.pg_depend d
                on d.classid = 'pg_catalog.pg_rewrite'::regclass
                and d.objid = r.oid
                and d.refclassid = 'pg_catalog.pg_class'::regclass
                and d.refobjid <> r.ev_class
        ),
        reached as (
            select d.view from dependent d
            join relation t on t.oid = d.source and t.relkind in ('r', 'p', 'f') and t.tenant_attnum is not null
            union
            select d.view from dependent d join reached r on d.source = r.view
        )
        select v.* from relation v join reached r on r.view = v.oid where v.reachable
    ),
    -- The only policies that a tenant table has, as platform_core.tenant_table creates them. Compared after white space,
    -- brackets and the label of the sub-select have been taken out, which are the parts that may be printed differently by another
    -- release of the server; casts stay, because a cast of the column keeps the policy from using the index.
    canonical (policy, command, permissive, role, visible, writable) as (
        values
            (
                'tenant_isolation', '*', true, 'platform_app',
                'tenant_id=SELECTcurrent_setting''platform.tenant_id''::text::uuid',
                'tenant_id=SELECTcurrent_setting''platform.tenant_id''::text::uuid'
            ),
            (
                'tenant_floor', '*', false, 'platform_app',
                'tenant_id=SELECTcurrent_setting''platform.tenant_id''::text::uuid',
                'tenant_id=SELECTcurrent_setting''platform.tenant_id''::text::uuid'
            ),
            (
                'subtree_read', 'r', true, 'platform_subtree',
                'tenant_id=ANYSELECTstring_to_arraycurrent_setting''platform.tenant_scope''::text,'',''::text::uuid[]::uuid[]',
                ''
            )
    ),
    policy as (
        select
            p.polrelid,
            p.polname::text as policy,
            p.polcmd::text as command,
            p.polpermissive as permissive,
            array(select pg_catalog.pg_get_userbyid(r)::text from pg_catalog.unnest(p.polroles) r order by 1) as roles,
            pg_catalog.regexp_replace(printed.using_text, ' AS "?(current_setting|string_to_array)"?|[[:space:]()]', '', 'g') as visible,
            pg_catalog.regexp_replace(printed.check_text, ' AS "?(current_setting|string_to_array)"?|[[:space:]()]', '', 'g')
                as writable,
            -- Word for word, but for the table's own name in front of its columns.
            pg_catalog.regexp_replace(printed.using_text, printed.own_name, '\1.', 'g') as using_text,
            pg_catalog.regexp_replace(printed.check_text, printed.own_name, '\1.', 'g') as check_text
        from pg_catalog.pg_policy p
        join pg_catalog.pg_class c on c.oid = p.polrelid
        cross join lateral (
            select
                coalesce(pg_catalog.pg_get_expr(p.polqual, p.polrelid), '') as using_text,
                coalesce(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), '') as check_text,
                -- A name that has to be quoted stays where it is.
                case
                    when c.relname ~ '^[a-z_][a-z0-9_]*$' then pg_catalog.format('(^|[^[:alnum:]_.$"])%s\.', c.relname)
                    else '(^)$.'
                end as own_name
        ) printed
    ),
    -- Policies of partitions that say what the same policy of their parent says. They are judged with it, once: partitions come and
    -- go, and nobody can name those of next year in an exception.
    inherited as (
        select p.polrelid, p.policy
        from policy p
        join pg_catalog.pg_inherits i on i.inhrelid = p.polrelid
        join tenant_table t on t.oid = i.inhparent and t.relkind = 'p'
        join policy above
            on above.polrelid = t.oid
            and above.policy = p.policy
            and above.command = p.command
            and above.permissive = p.permissive
            and above.roles = p.roles
            and above.using_text = p.using_text
            and above.check_text = p.check_text
    ),
    routine as (
        select
            p.oid,
            p.prosecdef,
            p.provolatile,
            coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) as body,
            s.usable and exists (
                select from worker w where pg_catalog.has_function_privilege(w.oid, p.oid, 'EXECUTE')
            ) as executable
        from pg_catalog.pg_proc p
        join space s on s.oid = p.pronamespace
    )

-- What the roles are, and could make of themselves.
select 'ROLE_SUPERUSER' as code, rolname::text as object from me where rolsuper
union select 'ROLE_BYPASSRLS', rolname from me where rolbypassrls
union select 'ROLE_CREATEROLE', rolname from me where rolcreaterole
union select 'ROLE_REPLICATION', rolname from me where rolreplication
union select 'ROLE_CAN_BECOME_BYPASS', r.rolname
    from pg_catalog.pg_roles r
    join me on me.is_login and not me.rolsuper
    where r.oid not in (select oid from me)
        and (
            r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolreplication
            -- Who reads or writes the files of the server, or runs programs on it, needs no table.
            or r.rolname in ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
        )
        and pg_catalog.pg_has_role(me.oid, r.oid, 'MEMBER')
union select 'ROLE_CAN_BECOME_OWNER', pg_catalog.pg_get_userbyid(t.relowner)
    from tenant_table t
    join me on me.is_login and not me.rolsuper
    where pg_catalog.pg_has_role(me.oid, t.relowner, 'MEMBER')

-- What holds for the session before any scope is set.
union select 'ROW_SECURITY_OFF', 'row_security' where pg_catalog.current_setting('row_security') <> 'on'
union select 'LEAKED_SESSION_TENANT', setting
    from pg_catalog.unnest(array['platform.tenant_id', 'platform.tenant_scope']) setting
    where coalesce(pg_catalog.current_setting(setting, true), '') <> ''
union select 'LEAKED_SESSION_TENANT', pg_catalog.split_part(assignment, '=', 1)
    from pg_catalog.pg_db_role_setting s
    join pg_catalog.unnest(s.setconfig) assignment
        on assignment ~ '^platform\.tenant_(id|scope)=.'
    where s.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database()))
        and (s.setrole = 0 or s.setrole in (select oid from me))
union select 'SET_CONFIG_EXECUTABLE', 'pg_catalog.set_config(text,text,boolean)'
    from worker
    where pg_catalog.has_function_privilege(oid, 'pg_catalog.set_config(text,text,boolean)', 'EXECUTE')
-- Always a row: the list of fixed releases is kept where it can be tested.
union select 'SERVER_VERSION_VULNERABLE', pg_catalog.current_setting('server_version_num')

-- What a tenant table is guarded by.
union select 'RLS_NOT_ENABLED', name from tenant_table where not relrowsecurity
union select 'RLS_NOT_FORCED', name from tenant_table where relrowsecurity and not relforcerowsecurity
union select 'NO_POLICY', name
    from tenant_table t
    where relrowsecurity and not exists (select from policy p where p.polrelid = t.oid)
union select 'POLICY_NOT_CANONICAL', pg_catalog.format('%s.%s', t.name, p.policy)
    from tenant_table t
    join policy p on p.polrelid = t.oid
    where not exists (
        select from canonical c
        where c.policy = p.policy
            and c.command = p.command
            and c.permissive = p.permissive
            and p.roles = array[c.role]
            and c.visible = p.visible
            and c.writable = p.writable
    )
    and not exists (select from inherited i where i.polrelid = p.polrelid and i.policy = p.policy)
union select 'POLICY_NOT_CANONICAL', pg_catalog.format('%s.%s', t.name, c.policy)
    from tenant_table t
    cross join canonical c
    where t.relrowsecurity
        and exists (select from policy p where p.polrelid = t.oid)
        and not exists (select from policy p where p.polrelid = t.oid and p.policy = c.policy)

-- How a tenant table is built.
union select 'TENANT_ID_NULLABLE', name from tenant_table where not tenant_not_null
union select 'UNIQUE_NOT_TENANT_SCOPED', pg_catalog.format('%s.%s', s.nspname, c.relname)
    from tenant_table t
    join pg_catalog.pg_index i on i.indrelid = t.oid and (i.indisunique or i.indisexclusion)
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    join space s on s.oid = c.relnamespace
    -- Columns behind INCLUDE come after the key and are not part of what is unique.
    where t.tenant_attnum <> all ((i.indkey::int2[])[0:i.indnkeyatts - 1])
union select 'FK_NOT_TENANT_SCOPED', pg_catalog.format('%s.%s', r.name, f.conname)
    from pg_catalog.pg_constraint f
    join tenant_table t on t.oid = f.confrelid
    join relation r on r.oid = f.conrelid
    where f.contype = 'f'
        -- The copies that the server keeps for partitions say the same again.
        and f.conparentid = 0
        and not exists (
            select from rows from (pg_catalog.unnest(f.conkey), pg_catalog.unnest(f.confkey)) as pair (here, there)
            where pair.here = r.tenant_attnum and pair.there = t.tenant_attnum
        )
union select 'NO_TENANT_LEADING_INDEX', name
    from tenant_table t
    where relkind in ('r', 'p') and not exists (
        select from pg_catalog.pg_index i
        where i.indrelid = t.oid and i.indkey[0] = t.tenant_attnum and i.indisvalid and i.indpred is null
    )

-- What else shows rows of tenants.
union select 'VIEW_NOT_SECURITY_INVOKER', name
    from exposing
    where relkind = 'v' and not exists (
        select from pg_catalog.pg_options_to_table(reloptions)
        where option_name = 'security_invoker' and option_value::boolean
    )
union select 'MATVIEW_OVER_TENANT_TABLE', name from exposing where relkind = 'm'
union select 'SECURITY_DEFINER_EXECUTABLE', oid::regprocedure::text from routine where prosecdef and executable
union select 'IMMUTABLE_FN_READS_SETTING', oid::regprocedure::text
    from routine
    where provolatile = 'i' and body ~* 'current_setting'
union select 'PUBLICATION_LEAK', pg_catalog.format('%s.%s', t.name, p.pubname)
    from tenant_table t
    join pg_catalog.pg_publication_tables p on pg_catalog.format('%s.%s', p.schemaname, p.tablename) = t.name
union select 'TABLE_WITHOUT_TENANT_COLUMN', name
    from relation
    where relkind in ('r', 'p', 'f') and tenant_attnum is null and reachable

-- Privileges that policies do not govern.
union select 'TRUNCATE_PRIVILEGE', r.name
    from relation r join worker w on pg_catalog.has_table_privilege(w.oid, r.oid, 'TRUNCATE')
    where r.usable and r.relkind in ('r', 'p', 'f')
union select 'REFERENCES_PRIVILEGE', r.name
    from relation r join worker w on pg_catalog.has_any_column_privilege(w.oid, r.oid, 'REFERENCES')
    where r.usable and r.relkind in ('r', 'p', 'f')
union select 'TRIGGER_PRIVILEGE', r.name
    from relation r join worker w on pg_catalog.has_table_privilege(w.oid, r.oid, 'TRIGGER')
    where r.usable and r.relkind in ('r', 'p', 'f', 'v')
union select 'TEMP_PRIVILEGE', pg_catalog.current_database()
    from worker where pg_catalog.has_database_privilege(oid, pg_catalog.current_database(), 'TEMPORARY')
union select 'SCHEMA_CREATE', s.nspname
    from space s join worker w on pg_catalog.has_schema_privilege(w.oid, s.oid, 'CREATE')
union select 'SCHEMA_CREATE', pg_catalog.current_database()
    from worker where pg_catalog.has_database_privilege(oid, pg_catalog.current_database(), 'CREATE')
union select 'UNSAFE_DEFAULT_PRIVILEGES',
        pg_catalog.pg_get_userbyid(d.defaclrole) || coalesce(' in ' || n.nspname, '')
    from pg_catalog.pg_default_acl d
    left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace
    cross join pg_catalog.aclexplode(d.defaclacl) granted
    -- Grantee 0 is PUBLIC.
    where d.defaclobjtype = 'r' and (granted.grantee = 0 or granted.grantee in (select oid from me))
order by code, object
