//! Runs the Diesel migrations of a litefs-diesel application (issue to come).
