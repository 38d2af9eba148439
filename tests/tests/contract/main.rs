//! What the library promises, alone and on a real LiteFS, and what the helpers promise on which that
//! stands. One program: each one links for as long as ten of these tests take, and those that wait
//! for LiteFS wait side by side.
//!
//! Not here: what needs the machine for itself (`load`).

mod app_process;
mod apps_apart;
mod cases_bare;
mod cases_everywhere;
mod cases_moving;
mod faults_commits;
mod faults_files;
mod faults_primaries;
mod faults_retries;
mod faults_run;
mod first_write;
mod journal_modes;
mod lifetimes;
mod litefs_cluster;
mod litefs_consul;
mod litefs_faults;
mod litefs_levels;
mod litefs_partitions;
mod methods;
mod outages;
mod procedures;
mod releases;
mod starts;
mod vacuum;
