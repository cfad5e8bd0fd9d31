//! End-to-end tests: one binary, since linking the product takes longer than most of them. The control plane has one of
//! its own: its leases are so short that work beside it would end them.

mod access;
mod bad_input;
mod bad_table;
mod bounds;
mod cluster;
mod docs;
mod faults;
mod filters;
mod fuzz;
mod golden;
mod hostile;
mod http;
mod in_process;
mod index;
mod one_process;
mod ready;
mod recovery;
mod reference;
mod roots;
mod s3;
mod telemetry;
mod terminal;
