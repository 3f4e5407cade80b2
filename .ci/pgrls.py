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


def lint(pgrls, database):
    found = run(pgrls, "lint", *database)["violations"]
    return [f"{each['rule_id']} on {each['location']}: {each['message']}" for each in found]


def verify(pgrls, mode, database):
    """The objections, and how many tables were looked at."""
    objections = []
    tables = run(pgrls, "verify", "--mode", mode, *database).get("tables", [])
    for table in tables:
        policies = table.get("policies") or [table]
        for policy in policies:
            name, verdict = policy.get("policy"), policy["verdict"]
            if verdict == "isolated" or (verdict == "unverified" and name in UNDECIDED):
                continue
            reason = policy.get("reason") or policy.get("witness")
            objections.append(f"{mode}: {table['table']} {name or ''} is {verdict}: {reason}")
    return objections, len(tables)


def judge(pgrls, url):
    names = schemas(url)
    if not names:
        sys.exit("the database has not been migrated")
    database = ["--database-url", url, "--schemas", ",".join(names)]
    objections = lint(pgrls, database)
    for mode in MODES:
        found, looked_at = verify(pgrls, mode, database)
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
