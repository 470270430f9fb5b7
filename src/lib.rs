//! The init container of llm-proxy: lock, provider config, migrations, release.
//!
//! [`sequence`] is the job from top to bottom; each other module keeps one promise,
//! stated in its first paragraph. Data flows one way: settings, clients, steps,
//! report.

#![forbid(unsafe_code)]

pub mod answer;
pub mod aws;
pub mod check;
pub mod cli;
pub mod commands;
pub mod config;
pub mod database;
pub mod environment;
pub mod error;
pub mod exit;
pub mod install;
pub mod lock;
pub mod logging;
pub mod migrate;
pub mod owner;
pub mod pacing;
pub mod preparation;
pub mod reading;
pub mod report;
pub mod secrets;
pub mod sequence;
pub mod settings;
pub mod status;
pub mod stop;
pub mod table;
pub mod tls;
pub mod unlock;
pub mod wording;
