#[test]
fn what_is_right_compiles_and_what_is_wrong_is_told_at_its_place() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/procedure/pass/*.rs");
    cases.compile_fail("tests/procedure/fail/*.rs");
}
