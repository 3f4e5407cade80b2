//! Which events are about a data subject.

/// The ids of the events that a subject did, that were done for it or that have it among their targets, as `about (id)`: $1 is the
/// tenant, $2 the subject, and the two texts say which of them are wanted and, at the end of each part, in which order and how many.
///
/// Every part goes along an index. Which kinds of targets there are is looked up first, because that index begins with the kind and
/// a subject may be of any. A macro, so that `concat!` makes it part of a static statement.
macro_rules! events_about {
    ($wanted:literal, $end:literal) => {
        concat!(
            "with recursive kind (name) as (
               select min(target_kind)::text from platform_audit.event where tenant_id = $1
               union all
               select (
                 select min(e.target_kind)::text from platform_audit.event e where e.tenant_id = $1 and e.target_kind > kind.name
               ) from kind where kind.name is not null
             ), about (id) as (
               (select e.id from platform_audit.event e where e.tenant_id = $1 and e.actor_id = $2 ",
            $wanted,
            $end,
            ") union
               (select e.id from platform_audit.event e where e.tenant_id = $1 and e.on_behalf_of = $2 ",
            $wanted,
            $end,
            ") union
               (select e.id from kind
                join platform_audit.event e on e.tenant_id = $1 and e.target_kind = kind.name and e.target_id = $2::text ",
            $wanted,
            $end,
            ") union
               (select e.id from platform_audit.event e
                where e.tenant_id = $1 and jsonb_array_length(e.targets) > 1
                  and e.targets @> jsonb_build_array(jsonb_build_object('id', $2::text)) ",
            $wanted,
            $end,
            ")
             ) "
        )
    };
}
pub(super) use events_about;
