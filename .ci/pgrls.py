"""Runs pgrls over every schema that has migrations, and judges what it says. Called by the script beside this file."""

import json
import os
import subprocess
import sys
import time

import psycopg

CONFIG = os.path.join(os.path.dirname(__file__), "pgrls.toml")

MODES = ["anon", "cross-tenant", "write", "reachability", "escalation"]

# Policies that the solver need not be able to decide; a leak it finds in them still fails.
UNDECIDED = {
    "subtree_read": "compares with an array of tenants, which the solver does not know. The self-check accepts this one form of it, "
    "only the role of subtree reads is subject to it, and tests read through it as parent, child and stranger.",
}

# Policies for these roles alone may show rows of all tenants, and the solver is right to say so. No login has the role by itself: a
# transaction takes it, has no tenant then, and reaches what the role was granted and nothing else. The self-check lists each policy.
GROUP_ROLES = {
    "platform_sequencer": "gives the events of all tenants their place in the trees, in one transaction for many",
    "platform_retention": "prunes what has been kept for long enough, of all tenants",
}
# PERF003 and PERF004: pruning finds its rows by an index, and the policy then looks once more at each of them.
ABOUT_POLICIES = {"SEC005", "SEC008", "SEC028", "SEC038", "PERF003", "PERF004"}

# These policies name nobody and let in the table's owner alone, under whom the functions of its triggers run. A dump is restored under
# another owner's name, so that they cannot name this one. The owner is not a login of the service.
OWNERS_POLICIES = {("platform_audit.pending", "owner_work")}
# Who may empty a table is its owner and whoever is granted that, and nobody may be.
IS_OWNER = "has_table_privilege(('{table}'::regclass)::oid, 'TRUNCATE'::text)"

# What triggers of protected tables call (SEC013).
TRIGGER_FUNCTIONS = {
    "platform_audit.refuse_change": "raises an error and does nothing else",
    "platform_audit.refuse_truncate": "raises an error and does nothing else",
    "platform_audit.guard_hold": "lets a hold be released and nothing else",
    "platform_audit.require_announcement": "looks for the event that announces the row's deletion, and raises an error without",
    "platform_audit.enqueue": "puts the event of the same row on the work list, under its tenant",
    "platform_audit.require_audit": "looks for an event of the row's tenant in the same transaction, and raises an error without",
    "platform_core.require_answer": "looks whether the row has its answer at the end of the transaction, and raises an error without",
    "platform_auth.announce_session": "sends the id of the session's user with NOTIFY",
    "platform_auth.announce_subject": "sends the id of the row, a user's or a tenant's, with NOTIFY",
    "platform_auth.announce_tenant": "sends the id of the row's tenant with NOTIFY",
    "trading.announce_market": "sends the number of the row with NOTIFY",
    "platform_audit.require_audit_by": "looks for an event of the row's tenant in the same transaction, and raises an error without",
    "platform_audit.require_audit_before": "looks for an event of the rows' tenants in the same transaction, and raises an error without",
}

WAIT_SECONDS = 60


def schemas(url):
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where c.relname = '_migrations' order by 1"
        ).fetchall()
    return [name for (name,) in rows]


def run(pgrls, *arguments):
    command = [pgrls, *arguments, "--config", CONFIG, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError:
        sys.exit(f"pgrls {arguments[0]} failed: {done.stderr or done.stdout}")


class Known:
    """What the database says of the policies and triggers that pgrls objects to."""

    def __init__(self, url):
        with psycopg.connect(url) as connection:
            policies = connection.execute(
                "select n.nspname || '.' || c.relname, p.polname,"
                " array(select coalesce(r.rolname, 'public') from unnest(p.polroles) o left join pg_roles r on r.oid = o),"
                " pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)"
                " from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace"
            ).fetchall()
            emptied_by_others = connection.execute(
                "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
                " where exists (select from aclexplode(c.relacl) a where a.privilege_type = 'TRUNCATE' and a.grantee <> c.relowner)"
            ).fetchall()
            triggers = connection.execute(
                "select n.nspname || '.' || c.relname || '.' || t.tgname, fn.nspname || '.' || f.proname"
                " from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace"
                " join pg_proc f on f.oid = t.tgfoid join pg_namespace fn on fn.oid = f.pronamespace"
            ).fetchall()
        self.policies = {(table, name): (set(roles), conditions) for table, name, roles, *conditions in policies}
        self.emptied_by_others = {table for (table,) in emptied_by_others}
        self.functions = dict(triggers)

    def is_of_group_role(self, table, policy):
        roles, _ = self.policies.get((table, policy), (set(), []))
        return bool(roles) and roles <= GROUP_ROLES.keys()

    def is_of_owner(self, table, policy):
        if (table, policy) not in OWNERS_POLICIES or table in self.emptied_by_others:
            return False
        _, conditions = self.policies.get((table, policy), (set(), []))
        wanted = IS_OWNER.format(table=table)
        return bool(conditions) and all(" ".join((each or "").split()) == wanted for each in conditions)

    def accepts(self, rule, location):
        if rule == "SEC013":
            return self.functions.get(location) in TRIGGER_FUNCTIONS
        table, _, policy = location.rpartition(".")
        if rule in ABOUT_POLICIES and self.is_of_group_role(table, policy):
            return True
        return rule in ABOUT_POLICIES | {"SEC003"} and self.is_of_owner(table, policy)


def lint(pgrls, database, known):
    found = run(pgrls, "lint", *database)["violations"]
    return [
        f"{each['rule_id']} on {each['location']}: {each['message']}"
        for each in found
        if not known.accepts(each["rule_id"], each["location"])
    ]


def verify(pgrls, mode, database, known):
    """The objections, and how many tables were looked at."""
    objections = []
    tables = run(pgrls, "verify", "--mode", mode, *database).get("tables", [])
    for table in tables:
        policies = table.get("policies") or [table]
        for policy in policies:
            name, verdict = policy.get("policy"), policy["verdict"]
            if verdict == "isolated" or (verdict == "unverified" and name in UNDECIDED):
                continue
            if known.is_of_group_role(table["table"], name) or known.is_of_owner(table["table"], name):
                continue
            reason = policy.get("reason") or policy.get("witness")
            objections.append(f"{mode}: {table['table']} {name or ''} is {verdict}: {reason}")
    return objections, len(tables)


def judge(pgrls, url):
    names = schemas(url)
    if not names:
        sys.exit("the database has not been migrated")
    database = ["--database-url", url, "--schemas", ",".join(names)]
    known = Known(url)
    objections = lint(pgrls, database, known)
    for mode in MODES:
        found, looked_at = verify(pgrls, mode, database, known)
        objections += found
        if mode in ("anon", "cross-tenant", "write") and looked_at == 0:
            objections.append(f"{mode}: no table was looked at")
        print(f"pgrls verify --mode {mode}: {looked_at} tables, {len(found)} objections")
    for objection in objections:
        print(f"  {objection}")
    print(f"pgrls: {len(objections)} objections in {', '.join(names)}")
    sys.exit(1 if objections else 0)


def wait(server, url):
    """Until the migrations have run, or the server has ended."""
    patience = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < patience:
        try:
            os.kill(server, 0)
            with psycopg.connect(url) as connection:
                # The runner holds a lock while it works (its key is "pltfmigr" in ASCII).
                busy = "select pg_try_advisory_lock_shared(8100977813003790194)"
                if connection.execute(busy).fetchone()[0] and schemas(url):
                    return
        except ProcessLookupError:
            sys.exit("the server ended before its database was migrated")
        except psycopg.OperationalError:
            pass
        time.sleep(0.2)
    sys.exit("the server's database was not migrated in time")


if sys.argv[1] == "--wait":
    wait(int(sys.argv[2]), sys.argv[3])
else:
    judge(sys.argv[1], sys.argv[2])
