mod sink;
mod store;
