//! Loads a context directory.

use std::path::Path;

use anyhow::{Result, bail};
use rayon::prelude::*;

use crate::decode::context::Table;
use crate::decode::{Counters, DecodeSink, Decoder, Expect};
use crate::engine::Engine;
use crate::engine::context::Draft;
use crate::engine::dictionary::Dictionary;
use crate::model::access::AccessEvent;
use crate::model::context::ContextUpdate;
use crate::model::reject::Reject;
use crate::model::time::Zone;
use crate::source::file::{BlockReader, ContextDir, Piece, Sizes};

use super::columnar;

/// Blocks that are decoded side by side.
const AT_ONCE: usize = 4;

/// Context blocks are smaller than those of a log: the tables are, too, and all cores should have some.
const BLOCK: usize = 1 << 20;

/// What a context directory gave, besides what the engine knows now.
#[derive(Debug, Default)]
pub struct Loaded {
    pub counters: Counters,
    pub rejects: Vec<Reject>,
    /// Tables that the directory lacks.
    pub missing: Vec<Table>,
}

/// The facts of one block.
struct Facts<'d> {
    dictionary: &'d Dictionary,
    draft: Draft,
    rejects: Vec<Reject>,
}

impl DecodeSink for Facts<'_> {
    fn access(&mut self, _: &AccessEvent<'_>, _: u64) {}

    fn context(&mut self, update: ContextUpdate, _: u64) {
        self.draft.push(self.dictionary, &update);
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }
}

/// Reads every table of `dir` into the engine.
///
/// # Errors
/// A table that cannot be read, or of which no row can; the message names it.
pub fn load(dir: &Path, zone: &Zone, engine: &mut Engine) -> Result<Loaded> {
    let listing = ContextDir::list(dir)?;
    let mut loaded = Loaded { missing: listing.missing(), ..Loaded::default() };
    for (table, path) in &listing.files {
        let counters = load_table(*table, path, zone, engine, &mut loaded.rejects)?;
        if counters.records > 0 && counters.context_updates == 0 {
            bail!(
                "{}: none of its {} records can be read as {table}; see their reasons with `chartsentry inspect`",
                path.display(),
                counters.records
            );
        }
        loaded.counters.add(&counters);
    }
    Ok(loaded)
}

fn load_table(
    table: Table,
    path: &Path,
    zone: &Zone,
    engine: &mut Engine,
    rejects: &mut Vec<Reject>,
) -> Result<Counters> {
    let mut pieces =
        BlockReader::new(vec![path.to_owned()], Expect::Table(table), Sizes { block: BLOCK, ..Sizes::default() });
    let mut decoders = vec![Decoder::new(zone.clone()); AT_ONCE];
    loop {
        let group: Vec<Piece> = pieces.by_ref().take(AT_ONCE).collect::<Result<_, _>>()?;
        if group.is_empty() {
            break;
        }
        let dictionary = &engine.context().dictionary;
        let read = |(piece, decoder)| read(table, piece, zone, decoder, dictionary);
        let found: Vec<_> = group.par_iter().zip(&mut decoders).map(read).collect::<Result<_>>()?;
        for (draft, mut refused) in found {
            engine.learn_draft(draft);
            rejects.append(&mut refused);
        }
    }
    let mut counters = Counters::default();
    decoders.iter().for_each(|decoder| counters.add(&decoder.counters()));
    Ok(counters)
}

fn read(
    table: Table,
    piece: &Piece,
    zone: &Zone,
    decoder: &mut Decoder,
    dictionary: &Dictionary,
) -> Result<(Draft, Vec<Reject>)> {
    let mut facts = Facts { dictionary, draft: Draft::default(), rejects: Vec::new() };
    match piece {
        Piece::Block(block) => decoder.chunk(&block.chunk(), &mut facts),
        Piece::Reject(reject, layout) => decoder.source_reject(reject.clone(), layout.format, &mut facts),
        Piece::Columnar { path, file, .. } => {
            columnar::read(path, file, Expect::Table(table), zone, decoder, &mut facts)?
        }
    }
    Ok((facts.draft, facts.rejects))
}
