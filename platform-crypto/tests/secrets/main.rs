//! Secrets that come from outside the process, and what of them and of sealed values gets out.
