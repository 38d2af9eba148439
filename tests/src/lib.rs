//! Contract tests of litefs-diesel.
