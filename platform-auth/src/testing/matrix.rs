//! Who reaches which operation.

use std::fmt::{self, Write as _};

use super::{ApiAnswer, ApiOperation, ApiRequest, NOBODYS_ID};

/// Whether somebody reaches an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Any answer but a refusal of the caller: 404 for a thing that there is not is one.
    Reached,
    /// 401 `unauthenticated`.
    Unauthenticated,
    /// 403 `forbidden`.
    Forbidden,
    /// An answer that is no verdict: 5xx.
    Failed(u16),
}

/// Which role reaches which operation, for a golden file: a new operation, or one whose guard was changed, shows up as a difference that
/// somebody looks at.
///
/// ```
/// use platform_auth::testing::{AccessMatrix, ApiAnswer, ApiOperation, Verdict};
/// use serde_json::json;
///
/// let document = json!({ "paths": { "/parcels": {
///     "get": { "operationId": "list_parcels" },
///     "post": { "operationId": "send_parcel" },
/// } } });
/// let operations = ApiOperation::all(&document)?;
/// # let answer = |status, code: &str| ApiAnswer { status, text: json!({ "code": code }).to_string() };
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// // Here each request would go to the service, as a caller of that role.
/// let matrix = AccessMatrix::of(&operations, ["stranger", "clerk"], async |role, request| match (role, request.method.as_str()) {
///     ("stranger", _) => answer(401, "unauthenticated"),
///     (_, "POST") => answer(403, "forbidden"),
///     _ => answer(200, ""),
/// })
/// .await;
///
/// assert_eq!(matrix.to_string(), "list_parcels 401 yes\nsend_parcel 401 403\n");
/// assert_eq!(matrix.verdict("send_parcel", "clerk"), Some(Verdict::Forbidden));
/// # });
/// # Ok::<(), platform_auth::testing::DocumentError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessMatrix {
    roles: Vec<String>,
    /// In the order of their names.
    lines: Vec<(String, Vec<Verdict>)>,
}

impl AccessMatrix {
    /// Has every role try every operation, one after the other, on things that are not there. `send` sends a request as a caller of a
    /// role; it signs the caller in anew where the operations before may have ended the session.
    pub async fn of<'a>(
        operations: &[ApiOperation],
        roles: impl IntoIterator<Item = &'a str>,
        send: impl AsyncFn(&str, ApiRequest) -> ApiAnswer,
    ) -> Self {
        let roles: Vec<String> = roles.into_iter().map(str::to_owned).collect();
        let mut lines = Vec::with_capacity(operations.len());
        for operation in operations {
            let mut verdicts = Vec::with_capacity(roles.len());
            for role in &roles {
                let answer = send(role, operation.request(NOBODYS_ID)).await;
                verdicts.push(Verdict::of(&answer));
            }
            lines.push((operation.id.clone(), verdicts));
        }
        lines.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self { roles, lines }
    }

    /// Whether a role reaches an operation; `None` when there is no such role or operation.
    pub fn verdict(&self, operation: &str, role: &str) -> Option<Verdict> {
        let at = self.roles.iter().position(|known| known == role)?;
        let (_, verdicts) = self.lines.iter().find(|(id, _)| id == operation)?;
        verdicts.get(at).copied()
    }

    /// What the service failed to answer, by operation and role. A matrix with any of these is none.
    pub fn failures(&self) -> Vec<(&str, &str)> {
        let mut failures = Vec::new();
        for (id, verdicts) in &self.lines {
            for (role, verdict) in self.roles.iter().zip(verdicts) {
                if let Verdict::Failed(_) = verdict {
                    failures.push((id.as_str(), role.as_str()));
                }
            }
        }
        failures
    }

    /// The lines in which the file differs: with `-` what it has, with `+` what it should have. Lines that begin with `#` are not looked
    /// at.
    pub fn differences(&self, golden: &str) -> Vec<String> {
        let of_now = self.to_string();
        let now: Vec<&str> = of_now.lines().collect();
        let kept: Vec<&str> = golden.lines().filter(|line| !line.starts_with('#')).collect();
        let gone = kept.iter().filter(|line| !now.contains(line));
        let new = now.iter().filter(|line| !kept.contains(line));
        let gone = gone.map(|line| format!("- {line}"));
        gone.chain(new.map(|line| format!("+ {line}"))).collect()
    }
}

/// A line for each operation in the order of their names: its name, and for each role `yes`, `401`, `403`, or the status of a failure.
impl fmt::Display for AccessMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, verdicts) in &self.lines {
            f.write_str(id)?;
            for verdict in verdicts {
                write!(f, " {verdict}")?;
            }
            f.write_char('\n')?;
        }
        Ok(())
    }
}

impl Verdict {
    /// What an answer says.
    pub fn of(answer: &ApiAnswer) -> Self {
        match answer.status {
            401 if answer.code() == "unauthenticated" => Self::Unauthenticated,
            403 if answer.code() == "forbidden" => Self::Forbidden,
            status if status >= 500 => Self::Failed(status),
            _ => Self::Reached,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reached => f.write_str("yes"),
            Self::Unauthenticated => f.write_str("401"),
            Self::Forbidden => f.write_str("403"),
            Self::Failed(status) => write!(f, "{status}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    async fn matrix(status: u16, code: &str) -> AccessMatrix {
        let document = json!({ "paths": {
            "/b": { "get": { "operationId": "b" } },
            "/a": { "get": { "operationId": "a" } },
        } });
        let operations = ApiOperation::all(&document).unwrap();
        let text = json!({ "code": code }).to_string();
        AccessMatrix::of(
            &operations,
            ["anonymous", "user"],
            async |role, request: ApiRequest| match (role, request.path.as_str()) {
                ("user", "/b") => ApiAnswer {
                    status,
                    text: text.clone(),
                },
                _ => ApiAnswer {
                    status: 404,
                    text: String::new(),
                },
            },
        )
        .await
    }

    #[tokio::test]
    async fn only_a_refusal_of_the_caller_is_one() {
        for (status, code, verdict) in [
            (401, "unauthenticated", "401"),
            (401, "invalid_credentials", "yes"),
            (403, "forbidden", "403"),
            (403, "wrong_password", "yes"),
            (404, "not_found", "yes"),
            (503, "unavailable", "503"),
        ] {
            let matrix = matrix(status, code).await;
            assert_eq!(
                matrix.to_string(),
                format!("a yes yes\nb yes {verdict}\n"),
                "{code}"
            );
            let failures = matrix.failures();
            assert_eq!(failures.is_empty(), status < 500);
        }
    }

    #[tokio::test]
    async fn a_file_that_is_out_of_date_is_shown_by_its_lines() {
        let matrix = matrix(403, "forbidden").await;

        assert_eq!(matrix.differences("# operation\na yes yes\nb yes 403\n"), [""; 0]);
        assert_eq!(
            matrix.differences("a yes yes\nb yes yes\nc yes yes\n"),
            ["- b yes yes", "- c yes yes", "+ b yes 403"]
        );
    }
}
