//! A private PostgreSQL cluster under an own supervisor.
