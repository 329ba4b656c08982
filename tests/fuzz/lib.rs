//! What every fuzz target does with its bytes: decode them, and see that nothing vanishes.

use std::sync::Arc;

use chartsentry::decode::detect::detect;
use chartsentry::decode::{At, Chunk, DecodeSink, Decoder, Expect};
use chartsentry::model::access::AccessEvent;
use chartsentry::model::context::ContextUpdate;
use chartsentry::model::reject::{Place, Reject};
use chartsentry::model::time::Zone;

/// Counts what comes.
#[derive(Default)]
struct Count {
    accesses: u64,
    updates: u64,
    rejects: u64,
}

impl DecodeSink for Count {
    fn access(&mut self, _: &AccessEvent<'_>, _: u64) {
        self.accesses += 1;
    }

    fn context(&mut self, _: ContextUpdate, _: u64) {
        self.updates += 1;
    }

    fn reject(&mut self, reject: Reject) {
        assert!(reject.record.len() <= 3 * Reject::KEPT_BYTES, "a replacement character has three bytes");
        self.rejects += 1;
    }
}

fn decoder() -> Decoder {
    Decoder::new(Zone::named("America/Los_Angeles").expect("a known zone"))
}

/// Decodes a whole file that is expected to hold `expect`.
pub fn file(bytes: &[u8], expect: Expect) {
    let Ok(layout) = detect(bytes, true, expect) else { return };
    let name: Arc<str> = "fuzz".into();
    let (mut decoder, mut count) = (decoder(), Count::default());
    let bytes = bytes.get(layout.header_bytes..).unwrap_or_default();
    let first_line = 1 + layout.header_lines;
    decoder.chunk(&Chunk { bytes, file: &name, first_line, layout: &layout }, &mut count);
    check(&decoder, &count);
}

/// Decodes one message, as it would come from a topic.
pub fn message(bytes: &[u8], is_feed: bool) {
    let place = Place::Kafka { topic: "fuzz".into(), partition: 0, offset: 0 };
    let at = At { place: &place, line: 0 };
    let (mut decoder, mut count) = (decoder(), Count::default());
    if is_feed {
        decoder.feed_message(bytes, at, &mut count);
    } else {
        decoder.access_message(bytes, at, &mut count);
    }
    assert!(count.accesses + count.updates + count.rejects > 0, "a message vanished");
    check(&decoder, &count);
}

fn check(decoder: &Decoder, count: &Count) {
    let counters = decoder.counters();
    assert_eq!(counters.accesses, count.accesses);
    assert_eq!(counters.context_updates, count.updates);
    assert_eq!(counters.rejected(), count.rejects);
}
