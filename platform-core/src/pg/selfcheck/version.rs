//! Which releases of the server keep what policies promise.

/// The code of the row that holds the server's version.
pub(super) const CODE: &str = "SERVER_VERSION_VULNERABLE";

/// Releases of major versions in which CVE-2025-8713 is fixed; later major versions never had it.
const FIXED: [u32; 3] = [15_00_14, 16_00_10, 17_00_06];

/// Is this `server_version_num` older than the fix in its major version? A text that is no number is not trusted.
pub(super) fn is_vulnerable(server_version_num: &str) -> bool {
    let Ok(version) = server_version_num.parse::<u32>() else {
        return true;
    };
    let major = |version: u32| version / 10_000;
    match FIXED.iter().find(|fixed| major(**fixed) == major(version)) {
        Some(fixed) => version < *fixed,
        None => version < FIXED[0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_from_the_fix_of_their_major_version_on_are_trusted() {
        for fixed in ["150014", "150020", "160010", "170006", "180000", "190001"] {
            assert!(!is_vulnerable(fixed), "{fixed}");
        }
    }

    #[test]
    fn older_releases_and_texts_that_are_no_version_are_not() {
        for old in ["90624", "140019", "150013", "160009", "170005", "", "16 devel"] {
            assert!(is_vulnerable(old), "{old}");
        }
    }
}
