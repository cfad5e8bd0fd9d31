//! End-to-end tests: one binary, since linking the product takes longer than most of them.

mod bad_input;
mod cluster;
mod control_plane;
mod in_process;
mod index;
mod one_process;
mod plane;
mod reference;
mod s3;
