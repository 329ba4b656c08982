//! Integration tests, linked once.

mod decode;
