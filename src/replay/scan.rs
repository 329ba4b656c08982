//! Opens a written table for lazy queries.

use std::path::Path;

use anyhow::{Context, Result};
use polars::prelude::{LazyFrame, PlRefPath, ScanArgsParquet};

pub(super) fn scan(path: &Path) -> Result<LazyFrame> {
    let path = path.to_str().context("the path is not UTF-8")?;
    // A directory's name may hold what would be a pattern.
    let options = ScanArgsParquet { glob: false, ..ScanArgsParquet::default() };
    Ok(LazyFrame::scan_parquet(PlRefPath::new(path), options)?)
}
