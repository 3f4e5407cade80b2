//! Tenant-scoped PostgreSQL.
