//! Every operation refuses whom it should.

use std::collections::BTreeSet;
use std::fmt;

use super::{ApiAnswer, ApiOperation, ApiRequest, NOBODYS_ID, Verdict};

/// The operations of an API, all of which but the public ones are for who has signed in.
///
/// ```
/// use platform_auth::testing::{ApiAnswer, ApiOperation, Coverage, GapReason};
/// use serde_json::json;
///
/// let document = json!({ "paths": {
///     "/login": { "post": { "operationId": "login" } },
///     "/parcels/{id}": { "get": { "operationId": "get_parcel" } },
/// } });
/// let operations = ApiOperation::all(&document)?;
/// let coverage = Coverage::of(&operations, ["login"])?;
/// # let answer = |status, code: &str| ApiAnswer { status, text: json!({ "code": code }).to_string() };
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// // Here each request would go to the service without a token.
/// let gaps = coverage.refuses_strangers(async |_| answer(401, "unauthenticated")).await;
/// assert_eq!(gaps, []);
///
/// // And here with the token of somebody of another tenant, about a parcel of ours.
/// let gaps = coverage
///     .refuses_foreigners(["7"], async |request| match request.path.ends_with("/7") {
///         true => answer(403, "forbidden"),
///         false => answer(404, "not_found"),
///     })
///     .await;
/// // Whoever is told that the parcel is not theirs is told that there is one.
/// assert_eq!(gaps[0].reason, GapReason::Tells);
/// # });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Coverage<'a> {
    operations: &'a [ApiOperation],
    public: BTreeSet<&'a str>,
}

/// The list of public operations names one that there is not: take it out, so that no later operation of that name is public by accident.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is on the list of public operations, and there is no such operation")]
pub struct CoverageError(pub String);

/// An operation that does not refuse somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Its `operationId`.
    pub operation: String,
    /// What was sent.
    pub path: String,
    /// What was answered.
    pub answer: ApiAnswer,
    /// What is wrong with that.
    pub reason: GapReason,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapReason {
    /// It is not 401 `unauthenticated`, and the caller has not signed in.
    Open,
    /// It is no refusal, and what was asked for is another tenant's.
    Reached,
    /// It differs from that about something that nobody has, and so tells that the other tenant has it.
    Tells,
    /// The service failed: it has refused nobody.
    Failed,
}

impl<'a> Coverage<'a> {
    /// The operations of an API, and those of them that anybody may call. A new one on that list is a decision; it may only shrink
    /// otherwise.
    ///
    /// # Errors
    /// [`CoverageError`] when a public operation is none of the operations.
    pub fn of(
        operations: &'a [ApiOperation],
        public: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, CoverageError> {
        let public: BTreeSet<&str> = public.into_iter().collect();
        let is_known = |name: &&str| operations.iter().any(|operation| operation.id == **name);
        match public.iter().find(|name| !is_known(name)) {
            Some(unknown) => Err(CoverageError((*unknown).to_owned())),
            None => Ok(Self { operations, public }),
        }
    }

    /// Those that are not public.
    pub fn guarded(&self) -> impl Iterator<Item = &'a ApiOperation> {
        let operations = self.operations.iter();
        operations.filter(|operation| !self.public.contains(operation.id.as_str()))
    }

    /// Tries every operation that is not public as somebody who has not signed in: each has to answer 401 `unauthenticated`. What is left
    /// open comes back.
    pub async fn refuses_strangers(&self, send: impl AsyncFn(ApiRequest) -> ApiAnswer) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for operation in self.guarded() {
            let request = operation.request(NOBODYS_ID);
            let path = request.path.clone();
            let answer = send(request).await;
            let reason = match Verdict::of(&answer) {
                Verdict::Unauthenticated => continue,
                Verdict::Failed(_) => GapReason::Failed,
                _ => GapReason::Open,
            };
            gaps.push(operation.gap(path, answer, reason));
        }
        gaps
    }

    /// Tries every operation whose path names something as somebody of another tenant, with these ids of things of ours: each has to
    /// answer as it does about something that nobody has, and to refuse that. What does not comes back.
    pub async fn refuses_foreigners(
        &self,
        ours: impl IntoIterator<Item = &str>,
        send: impl AsyncFn(ApiRequest) -> ApiAnswer,
    ) -> Vec<Gap> {
        let ours: Vec<&str> = ours.into_iter().collect();
        let mut gaps = Vec::new();
        for operation in self
            .guarded()
            .filter(|operation| operation.has_parameter_in_path())
        {
            for id in &ours {
                let request = operation.request(id);
                let path = request.path.clone();
                let answer = send(request).await;
                let of_nobodys = send(operation.request(nobodys(id))).await;
                let reason = match answer.status {
                    500.. => GapReason::Failed,
                    400.. if answer.anonymised() == of_nobodys.anonymised() => continue,
                    400.. => GapReason::Tells,
                    _ => GapReason::Reached,
                };
                gaps.push(operation.gap(path, answer, reason));
            }
        }
        gaps
    }
}

/// An id of the same form that nobody has.
fn nobodys(id: &str) -> &'static str {
    match id.len() {
        36 => NOBODYS_ID,
        _ => "nobodys-0",
    }
}

impl ApiOperation {
    fn gap(&self, path: String, answer: ApiAnswer, reason: GapReason) -> Gap {
        Gap {
            operation: self.id.clone(),
            path,
            answer,
            reason,
        }
    }
}

/// One line, for the message of a test.
impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operation,
            path,
            answer,
            reason,
        } = self;
        let (status, code) = (answer.status, answer.code());
        write!(
            f,
            "{operation} ({path}) is {reason:?}: it answers {status} {code}"
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn operations() -> Vec<ApiOperation> {
        let document = json!({ "paths": {
            "/open": { "get": { "operationId": "open" } },
            "/mine": { "get": { "operationId": "mine" } },
            "/things/{id}": { "get": { "operationId": "thing" } },
        } });
        ApiOperation::all(&document).unwrap()
    }

    fn answer(status: u16, code: &str) -> ApiAnswer {
        ApiAnswer {
            status,
            text: json!({ "code": code, "request_id": status.to_string() }).to_string(),
        }
    }

    #[test]
    fn a_public_operation_that_there_is_not_is_an_error() {
        let operations = operations();

        let error = Coverage::of(&operations, ["open", "gone"]).unwrap_err();

        assert_eq!(error, CoverageError("gone".to_owned()));
    }

    #[tokio::test]
    async fn whatever_is_not_401_is_a_gap_unless_it_is_public() {
        let operations = operations();
        let coverage = Coverage::of(&operations, ["open"]).unwrap();

        for (given, reason) in [
            (answer(401, "unauthenticated"), None),
            (answer(200, ""), Some(GapReason::Open)),
            (answer(401, "other"), Some(GapReason::Open)),
            (answer(403, "forbidden"), Some(GapReason::Open)),
            (answer(404, "not_found"), Some(GapReason::Open)),
            (answer(503, "unavailable"), Some(GapReason::Failed)),
        ] {
            let gaps = coverage.refuses_strangers(async |_| given.clone()).await;
            let found: Vec<_> = gaps
                .iter()
                .map(|gap| (gap.operation.as_str(), gap.reason))
                .collect();
            let expected = reason.map(|reason| vec![("mine", reason), ("thing", reason)]);
            assert_eq!(found, expected.unwrap_or_default(), "{given:?}");
        }
    }

    #[tokio::test]
    async fn what_is_ours_is_answered_like_what_nobody_has() {
        let operations = operations();
        let coverage = Coverage::of(&operations, ["open"]).unwrap();
        let nowhere = answer(404, "not_found");

        for (given, reason) in [
            (answer(404, "not_found"), None),
            (answer(200, ""), Some(GapReason::Reached)),
            (answer(404, "gone"), Some(GapReason::Tells)),
            (answer(403, "forbidden"), Some(GapReason::Tells)),
            (answer(500, "internal"), Some(GapReason::Failed)),
        ] {
            let gaps = coverage
                .refuses_foreigners(["7"], async |request: ApiRequest| match request.path.as_str() {
                    "/things/7" => given.clone(),
                    _ => nowhere.clone(),
                })
                .await;
            let found: Vec<_> = gaps.iter().map(|gap| gap.reason).collect();
            assert_eq!(found, Vec::from_iter(reason), "{given:?}");
        }
    }
}
