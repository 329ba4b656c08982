mod config;
mod tidy;
