-- What the application may know of the migrations: the histories themselves belong to the owner alone.
create table platform_core.schema_state (
    schema  text primary key check (length(schema) between 1 and 63),
    version bigint not null check (version > 0)
);
comment on table platform_core.schema_state is 'A row names the newest migration of a schema, so that a server can tell whether its tables are there';
select platform_core.global_table('platform_core.schema_state', 'select');
