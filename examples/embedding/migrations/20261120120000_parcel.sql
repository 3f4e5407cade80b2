-- Parcels that a tenant sends.

create table parcels.parcel (
  tenant_id     uuid not null default current_setting('platform.tenant_id')::uuid,
  id            uuid not null,
  recipient     text not null check (char_length(recipient) between 1 and 200),
  weight_grams  bigint not null check (weight_grams between 1 and 31500),
  -- Who sent it, as the sign-in knows them.
  sent_by       uuid,
  sent_at       timestamptz not null,
  primary key (tenant_id, id),
  constraint parcel_tenant_fkey foreign key (tenant_id) references platform_core.tenant (id)
);
comment on table parcels.parcel is 'A row is a parcel that one tenant has sent.';
select platform_core.tenant_table('parcels.parcel', 'select, insert');
