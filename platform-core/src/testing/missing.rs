//! Tests that need what this machine does not have.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// How many tests of this process were skipped.
static SKIPPED: AtomicU32 = AtomicU32::new(0);

/// Says that a test was skipped, by its name and with what it needs, on a line of its own that the test harness does not capture. The
/// test returns after it, and counts as passed; lines that begin with `skipped` tell how many were.
///
/// # Panics
/// When the variable `CI` is `true`: there everything is installed, and a test that is skipped may hide a failure.
#[track_caller]
pub fn skipped(test: &str, needs: &str) {
    assert!(
        !is_ci(env::var_os("CI").as_deref()),
        "{test} cannot be skipped where CI=true: it needs {needs}"
    );
    tell(test, &format!("it needs {needs}"));
}

/// The same for what no installation mends, such as who runs the tests: it is told, and it is no failure anywhere.
pub fn not_here(test: &str, why: &str) {
    tell(test, why);
}

/// The Python that `PYTHON` names, or else `python3`, if it has this module; where it has not, the test is [`skipped`].
///
/// # Panics
/// As [`skipped`].
#[track_caller]
pub fn python_with(test: &str, module: &str) -> Option<OsString> {
    let python = env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let imported = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if imported.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    let python = python.display();
    skipped(
        test,
        &format!("the module {module} of {python} (.ci/python installs it)"),
    );
    None
}

fn tell(test: &str, why: &str) {
    let number = SKIPPED.fetch_add(1, Ordering::Relaxed).saturating_add(1);
    // Written to the stream itself: what the macros print is shown only of tests that fail.
    let _ = writeln!(std::io::stderr(), "skipped {number}: {test}: {why}");
}

fn is_ci(value: Option<&OsStr>) -> bool {
    value.is_some_and(|value| value == "true")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::process::Command;

    use super::{is_ci, skipped};

    #[test]
    fn only_the_word_true_makes_a_skipped_test_fail() {
        assert!(is_ci(Some(OsStr::new("true"))));
        assert!(!is_ci(Some(OsStr::new(""))));
        assert!(!is_ci(Some(OsStr::new("false"))));
        assert!(!is_ci(None));
    }

    /// Not a test of its own: the one below runs it, with the variable.
    #[test]
    fn skips_itself_when_it_is_told_to() {
        if std::env::var_os("PLATFORM_SKIP_ITSELF").is_some() {
            skipped("a_test", "a thing");
        }
    }

    #[test]
    fn a_skipped_test_is_told_uncaptured_and_fails_where_ci_is_true() {
        let run = |ci: &str| {
            Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "testing::missing::tests::skips_itself_when_it_is_told_to",
                ])
                .envs([("PLATFORM_SKIP_ITSELF", "1"), ("CI", ci)])
                .output()
                .unwrap()
        };

        let (told, failed) = (run("false"), run("true"));

        let shown = String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success(), "{told:?}");
        assert!(shown.contains("skipped 1: a_test: it needs a thing"), "{told:?}");
        assert!(!failed.status.success(), "{failed:?}");
    }
}
