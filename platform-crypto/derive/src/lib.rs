//! The derive of `platform-crypto`. Use it through that crate's feature `derive`.
