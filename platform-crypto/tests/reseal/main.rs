//! Sealing tables anew while others read and write.

mod bad_rows;
mod destroying;
mod moving;
mod persons;
mod racing;
mod support;
