//! The peer's files: an ESM as the Python package `hfselect` saves it, `config.json` beside `model.safetensors`.
//!
//! These bytes come from outside and are believed only after they have been checked: sizes before anything is allocated,
//! shapes, and that every weight is a finite number.

mod config;
mod safetensors;

pub use config::{Config, ConfigError, MAX_CONFIG_BYTES};
pub use safetensors::{
    MAX_SAFETENSORS_BYTES, Tensor, WeightsError, dense_map, find_names, read_safetensors, write_safetensors,
};
