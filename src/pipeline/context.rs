//! Loads a context directory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};

use crate::decode::context::Table;
use crate::decode::crosswalk::Crosswalk;
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
use super::conflicts::{self, Conflict, Rows, Seen};

/// Context blocks are smaller than those of a log: the tables are, too, and all cores should have some.
const BLOCK: usize = 1 << 20;

/// What a context directory gave, besides what the engine knows now.
#[derive(Debug, Default)]
pub struct Loaded {
    pub counters: Counters,
    pub rejects: Vec<Reject>,
    /// Tables that the directory lacks.
    pub missing: Vec<Table>,
    /// Rows that contradict earlier ones.
    pub conflicts: Vec<Conflict>,
}

/// Collects the facts of one block.
struct Facts<'d> {
    dictionary: &'d Dictionary,
    draft: &'d mut Draft,
    rejects: &'d mut Vec<Reject>,
    seen: &'d mut Vec<Seen>,
    tables: &'d mut BTreeSet<Table>,
}

impl DecodeSink for Facts<'_> {
    fn access(&mut self, _: &AccessEvent<'_>, _: u64) {}

    fn context(&mut self, update: ContextUpdate, line: u64) {
        self.seen.extend(conflicts::seen(&update, line));
        self.tables.extend(update.record.as_ref().map(Table::of));
        self.draft.push(self.dictionary, &update);
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }
}

/// Reads every table of `dir` into the engine, with the ids that the crosswalk says.
///
/// # Errors
/// A table that cannot be read, or of which no row can; the message names it.
pub fn load(dir: &Path, zone: &Zone, crosswalk: Option<&Arc<Crosswalk>>, engine: &mut Engine) -> Result<Loaded> {
    let decoder = Decoder::new(zone.clone()).with_crosswalk(crosswalk.cloned());
    let listing = ContextDir::list(dir)?;
    let mut loaded = Loaded { missing: listing.missing(), ..Loaded::default() };
    for (table, path) in &listing.files {
        let files = Files {
            paths: vec![path.clone()],
            expect: Expect::Table(*table),
            decoders: vec![decoder.clone(); 2 * rayon::current_num_threads()],
        };
        let counters = load_files(files, zone, engine, &mut loaded)?;
        if counters.records > 0 && counters.context_updates == 0 {
            bail!(
                "{}: none of its {} records can be read as {table}; see their reasons with `chartsentry inspect`",
                path.display(),
                counters.records
            );
        }
        loaded.counters.add(&counters);
    }
    // What a message says may depend on those before it.
    let feeds = Files { paths: listing.feeds, expect: Expect::Feed, decoders: vec![decoder] };
    let counters = load_files(feeds, zone, engine, &mut loaded)?;
    loaded.counters.add(&counters);
    Ok(loaded)
}

/// Files that are read together, and the decoders that share them.
struct Files {
    paths: Vec<PathBuf>,
    expect: Expect,
    decoders: Vec<Decoder>,
}

fn load_files(files: Files, zone: &Zone, engine: &mut Engine, loaded: &mut Loaded) -> Result<Counters> {
    let Files { paths, expect, mut decoders } = files;
    let sizes = Sizes { block: BLOCK, ..Sizes::default() };
    let mut pieces = BlockReader::new(paths, expect, sizes);
    let (mut found, mut rows) = (Vec::new(), Rows::default());
    loop {
        let group: Vec<Piece> = pieces.by_ref().take(decoders.len()).collect::<Result<_, _>>()?;
        let mut parts: Vec<Part<'_>> = group.iter().zip(&mut decoders).map(Part::new).collect();
        let learned = found.len();
        engine.learn_beside(std::mem::take(&mut found), &mut parts, |part, dictionary| {
            part.read = read(expect, zone, part, dictionary);
        });
        if learned + parts.len() == 0 {
            break;
        }
        for part in parts {
            part.read?;
            found.push(part.draft);
            loaded.rejects.extend(part.rejects);
            loaded.missing.retain(|table| !part.tables.contains(table));
            // The messages of a feed are versions, which may say another thing each time.
            if let Expect::Table(table) = expect {
                rows.add(table, part.seen, &mut loaded.conflicts);
            }
        }
    }
    let mut counters = Counters::default();
    decoders.iter().for_each(|decoder| counters.add(&decoder.counters()));
    Ok(counters)
}

/// One piece of a table, who decodes it, and what it held.
struct Part<'p> {
    piece: &'p Piece,
    decoder: &'p mut Decoder,
    draft: Draft,
    rejects: Vec<Reject>,
    seen: Vec<Seen>,
    /// The tables that its records belong to.
    tables: BTreeSet<Table>,
    read: Result<()>,
}

impl<'p> Part<'p> {
    fn new((piece, decoder): (&'p Piece, &'p mut Decoder)) -> Self {
        Self {
            piece,
            decoder,
            draft: Draft::default(),
            rejects: Vec::new(),
            seen: Vec::new(),
            tables: BTreeSet::new(),
            read: Ok(()),
        }
    }
}

fn read(expect: Expect, zone: &Zone, part: &mut Part<'_>, dictionary: &Dictionary) -> Result<()> {
    let Part { draft, rejects, seen, tables, .. } = part;
    let mut facts = Facts { dictionary, draft, rejects, seen, tables };
    match part.piece {
        Piece::Block(block) => part.decoder.chunk(&block.chunk(), &mut facts),
        Piece::Reject(reject, layout) => part.decoder.source_reject(reject.clone(), layout.format, &mut facts),
        Piece::Columnar { path, file, .. } => columnar::read(path, file, expect, zone, part.decoder, &mut facts)?,
    }
    Ok(())
}
