//! The program on real block devices, in the laboratory.

mod kills;
mod loops;
mod refusals;
mod snapshots;
mod thin;
mod world;
