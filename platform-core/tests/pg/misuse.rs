//! What the compiler refuses.

#[test]
fn a_scope_cannot_be_left_out_or_walked_around() {
    trybuild::TestCases::new().compile_fail("tests/trybuild/*.rs");
}
