//! What the self-check found, and what the operator has allowed.

use std::fmt;

use serde::Serialize;

use super::codes;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A risk that the operator should know of; the service starts.
    Warning,
    /// A way around the isolation of tenants; the service refuses to start.
    Error,
}

/// One hazard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its stable code, such as `RLS_NOT_FORCED`.
    pub code: &'static str,
    /// Whether the service may start with it.
    pub level: Level,
    /// The table, role, function or setting it was found on.
    pub object: String,
    /// What it means.
    pub detail: &'static str,
    /// What to do about it.
    pub remediation: &'static str,
    /// Why it is allowed, when it is.
    pub allowed: Option<&'static str>,
}

impl Finding {
    /// What is known of a code, found on this object.
    pub(super) fn of(code: &str, object: String) -> Self {
        // A code without an explanation is as bad as any: it must not pass unseen.
        let known = codes::named(code).unwrap_or(&codes::UNKNOWN);
        Self {
            code: known.name,
            level: known.level,
            object,
            detail: known.detail,
            remediation: known.remediation,
            allowed: None,
        }
    }

    fn refuses(&self) -> bool {
        self.level == Level::Error && self.allowed.is_none()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} on {}\n    {}\n    to mend it: {}",
            self.code, self.object, self.detail, self.remediation
        )
    }
}

/// An exception: one code on one object, for a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// The code.
    pub code: &'static str,
    /// The object, exactly as reported.
    pub object: &'static str,
    /// Why it is safe here.
    pub reason: &'static str,
}

/// The exceptions of a service. Exact matches only.
#[derive(Debug, Clone, Default)]
pub struct AllowList(Vec<Allowed>);

impl AllowList {
    /// The exceptions this crate's own tables need, and nothing else.
    pub fn core() -> Self {
        let global = |object, reason| Allowed {
            code: "TABLE_WITHOUT_TENANT_COLUMN",
            object,
            reason,
        };
        Self(vec![
            global(
                "platform_core.tenant",
                "read before the tenant of a request is known; holds nothing personal",
            ),
            global(
                "platform_core.tenant_host",
                "read before the tenant of a request is known; holds nothing personal",
            ),
            global(
                "platform_core.tenant_closure",
                "the hierarchy of the tenants; holds ids only",
            ),
            global(
                "platform_core.platform_lease",
                "who does the work of which one process is in charge; nobody's data, and proven by transactions of every tenant",
            ),
            global(
                "platform_core.schema_state",
                "how far the migrations are; nobody's data",
            ),
        ])
    }

    /// The same with one more exception.
    #[must_use]
    pub fn with(mut self, allowed: Allowed) -> Self {
        self.0.push(allowed);
        self
    }

    /// The same with all exceptions that a crate's tables need.
    #[must_use]
    pub fn with_all(mut self, allowed: &[Allowed]) -> Self {
        self.0.extend_from_slice(allowed);
        self
    }

    fn reason(&self, finding: &Finding) -> Option<&'static str> {
        let matching = |allowed: &&Allowed| allowed.code == finding.code && allowed.object == finding.object;
        self.0.iter().find(matching).map(|allowed| allowed.reason)
    }
}

/// The outcome of a self-check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn judge(mut findings: Vec<Finding>, allow: &AllowList) -> Self {
        for finding in &mut findings {
            finding.allowed = allow.reason(finding);
        }
        Self { findings }
    }

    /// Everything that was found, allowed or not.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The findings with which a service must not start.
    pub fn refusals(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.refuses())
    }

    /// The findings that an operator should know of although the service starts.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.level == Level::Warning && finding.allowed.is_none())
    }

    /// May the service start?
    pub fn passes(&self) -> bool {
        self.refusals().next().is_none()
    }
}

/// The text for the operator: what is wrong and how it is mended, in several lines; what is allowed is only counted.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refusals = self.refusals().count();
        let warnings = self.warnings().count();
        let allowed = self.findings.len() - refusals - warnings;
        match refusals {
            0 => write!(f, "the database keeps tenants apart")?,
            _ => write!(f, "the database does not keep tenants apart")?,
        }
        write!(
            f,
            " (errors: {refusals}, warnings: {warnings}, allowed: {allowed})"
        )?;
        for refusal in self.refusals() {
            write!(f, "\n  error: {refusal}")?;
        }
        for warning in self.warnings() {
            write!(f, "\n  warning: {warning}")?;
        }
        Ok(())
    }
}
