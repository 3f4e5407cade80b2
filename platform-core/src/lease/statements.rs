//! The statements on the two tables of leases, which differ in their keys alone.

use super::LeaseScope;

/// `$1` is the tenant or null, `$2` the name.
pub(super) struct Statements {
    /// `$3` holder, `$4` milliseconds. No row when the name has been leased before.
    pub(super) begin: &'static str,
    /// `$3` holder, `$4` milliseconds. No row when it is held, or while somebody who holds it is about to commit.
    pub(super) take_over: &'static str,
    /// `$3` token, `$4` milliseconds. No row when it is over.
    pub(super) renew: &'static str,
    /// `$3` token.
    pub(super) release: &'static str,
    /// `$3` token. No row when it is over.
    pub(super) fence: &'static str,
}

/// Whoever proves a lease locks its row `for key share`. A renewal changes no key and goes on beside that; taking the lease over asks for
/// `for update`, which does not. So a change that was proven in time ends before there is another holder, however long it takes.
macro_rules! statements {
    ($table:literal, key: $key:literal, from: $from:literal, is: $is:literal) => {
        Statements {
            begin: concat!(
                "insert into ", $table, " (", $key, ", token, holder, expires_at) ",
                "select ", $from, ", 1, $3::text, clock_timestamp() + $4::bigint * interval '1 millisecond' ",
                "on conflict (", $key, ") do nothing ",
                "returning token, expires_at"
            ),
            take_over: concat!(
                "with free as ( ",
                "  select l.name from ", $table, " l ",
                "  where ", $is, " and l.expires_at <= clock_timestamp() ",
                "  for update skip locked ",
                ") ",
                "update ", $table, " l ",
                "set token = l.token + 1, holder = $3, expires_at = clock_timestamp() + $4::bigint * interval '1 millisecond' ",
                "from free where l.name = free.name and ", $is, " ",
                "returning l.token, l.expires_at"
            ),
            renew: concat!(
                "update ", $table, " l set expires_at = clock_timestamp() + $4::bigint * interval '1 millisecond' ",
                "where ", $is, " and l.token = $3 and l.expires_at > clock_timestamp() ",
                "returning l.token, l.expires_at"
            ),
            release: concat!(
                "update ", $table, " l set expires_at = clock_timestamp() ",
                "where ", $is, " and l.token = $3 and l.expires_at > clock_timestamp()"
            ),
            fence: concat!(
                "select true from ", $table, " l ",
                "where ", $is, " and l.token = $3 and l.expires_at > clock_timestamp() ",
                "for key share"
            ),
        }
    };
}

static TENANT: Statements = statements!(
    "platform_core.lease",
    key: "tenant_id, name", from: "$1::uuid, $2::text", is: "l.tenant_id = $1::uuid and l.name = $2"
);

static PLATFORM: Statements = statements!(
    "platform_core.platform_lease",
    key: "name", from: "$2::text", is: "$1::uuid is null and l.name = $2"
);

impl Statements {
    pub(super) fn of(scope: LeaseScope) -> &'static Self {
        match scope {
            LeaseScope::Tenant(_) => &TENANT,
            LeaseScope::Platform => &PLATFORM,
        }
    }
}
