//! Test support shared by the folders beside this file.
#![forbid(unsafe_code)]
