#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| litefs_diesel::__fuzz::position(bytes));
