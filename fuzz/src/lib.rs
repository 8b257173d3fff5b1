//! What the fuzz targets share.

pub mod disk_input;
pub mod planner_input;
