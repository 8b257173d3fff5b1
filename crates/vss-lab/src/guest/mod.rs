//! For tests inside the lab.
