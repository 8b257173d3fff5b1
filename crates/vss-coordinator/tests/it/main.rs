//! The coordinator as a whole, on a fake array and a scripted host.

mod checks;
mod creation;
mod faults;
mod host;
mod images;
mod jobs;
mod matrix;
mod oracles;
mod undo;
mod world;
