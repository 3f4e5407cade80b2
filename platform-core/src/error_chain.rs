//! Errors for the log.

/// An error and its causes on one line, outermost first: for the log, where an error is handled, and never for a client.
///
/// ```
/// use platform_core::error_chain;
///
/// let cause = "x".parse::<u8>().unwrap_err();
/// let error = std::io::Error::other(cause);
/// assert_eq!(error_chain(&error), "invalid digit found in string");
/// ```
pub fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
