//! Reading through the layers: a lookup takes the first level that knows the key, a scan merges all.

use std::ops::{Bound, ControlFlow};

use bytes::Bytes;

use super::engine::{self, EngineError, View};
use super::layer::Entry;
use super::{Backend, BackendError, State, Table};

/// How often a scan of an engine without snapshots starts again because a flush came in between, before
/// it holds the flusher off. Flushes are 100 ms apart and scans take microseconds to milliseconds.
const SCAN_ATTEMPTS_MAX: usize = 3;

/// Rows in a step of [`Backend::visit`] over an engine without snapshots.
const VISIT_CHUNK_ROWS: usize = 1000;

/// Receives rows in order until it breaks.
pub(super) type RowVisitor<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// A row and its value, each shared (overlay) or borrowed from the engine.
enum Row<'a> {
    Overlay(&'a Bytes, &'a Bytes),
    Engine(&'a [u8], &'a [u8]),
}

impl Row<'_> {
    fn to_bytes(&self) -> (Bytes, Bytes) {
        match self {
            Row::Overlay(key, value) => ((*key).clone(), (*value).clone()),
            Row::Engine(key, value) => (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)),
        }
    }
}

/// The bounds of a scan.
#[derive(Clone, Copy)]
struct Span<'a> {
    table: Table,
    from: Bound<&'a [u8]>,
    to: Bound<&'a [u8]>,
}

impl Span<'_> {
    fn is_empty(&self) -> bool {
        match (self.from, self.to) {
            (Bound::Included(from), Bound::Included(to)) => from > to,
            (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => {
                from >= to
            }
            (Bound::Unbounded, Bound::Excluded(to)) => to.is_empty(),
            _ => false,
        }
    }
}

impl Backend {
    /// The newest committed record of a key.
    ///
    /// # Errors
    /// What the engine says when it cannot read.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, BackendError> {
        let shared = self.shared();
        let _gate = shared.gate.read();
        let base = {
            let state = shared.state.read();
            if let Some(entry) = state.lookup(table, key) {
                return Ok(entry.clone());
            }
            state.base.clone()
        };
        engine::guarded(|| base.get(table, key)).map_err(|source| shared.engine_error(source))
    }

    /// Up to `limit` committed records between the bounds, ascending, all of one moment: a run is seen as
    /// a whole or not at all. Fewer than `limit` records means that there are no more.
    ///
    /// # Errors
    /// What the engine says when it cannot read.
    pub fn scan(
        &self,
        table: Table,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, BackendError> {
        let shared = self.shared();
        let span = Span { table, from, to };
        if span.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let _gate = shared.gate.read();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let state = shared.state.read();
            let overlay = state.overlay(span, limit);
            let base = state.base.clone();
            let freezes = state.freezes;
            let held = (attempt == SCAN_ATTEMPTS_MAX).then_some(state);
            let mut rows = Vec::new();
            let scanned = engine::guarded(|| {
                merge(&overlay, base.as_ref(), span, &mut |row| {
                    rows.push(row.to_bytes());
                    if rows.len() == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })
            });
            scanned.map_err(|source| shared.engine_error(source))?;
            if base.is_snapshot() || held.is_some() || shared.state.read().freezes == freezes {
                return Ok(rows);
            }
        }
    }

    /// Shows the committed records between the bounds in order, without copying them, until the visitor
    /// breaks. With redb all of one moment; with the other engines in steps of 1,000 records, each of one
    /// moment. Meant for reading a whole table at start. The visitor must not call the backend.
    ///
    /// # Errors
    /// What the engine says when it cannot read.
    pub fn visit(
        &self,
        table: Table,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        mut visitor: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), BackendError> {
        let shared = self.shared();
        let span = Span { table, from, to };
        if span.is_empty() {
            return Ok(());
        }
        let gate = shared.gate.read();
        let (overlay, base) = {
            let state = shared.state.read();
            (state.overlay(span, usize::MAX), state.base.clone())
        };
        if base.is_snapshot() {
            return engine::guarded(|| {
                merge(&overlay, base.as_ref(), span, &mut |row| match row {
                    Row::Overlay(key, value) => visitor(key, value),
                    Row::Engine(key, value) => visitor(key, value),
                })
            })
            .map_err(|source| shared.engine_error(source));
        }
        drop((gate, overlay, base));
        self.visit_in_steps(span, &mut visitor)
    }

    fn visit_in_steps(&self, span: Span<'_>, visitor: &mut RowVisitor<'_>) -> Result<(), BackendError> {
        let mut last: Option<Bytes> = None;
        loop {
            let from = last.as_deref().map_or(span.from, Bound::Excluded);
            let rows = self.scan(span.table, from, span.to, VISIT_CHUNK_ROWS)?;
            for (key, value) in &rows {
                if visitor(key, value).is_break() {
                    return Ok(());
                }
            }
            if rows.len() < VISIT_CHUNK_ROWS {
                return Ok(());
            }
            last = rows.into_iter().next_back().map(|(key, _)| key);
        }
    }
}

impl State {
    /// Bytes of the overlay.
    pub(super) fn bytes(&self) -> usize {
        self.active.bytes() + self.frozen.as_ref().map_or(0, |frozen| frozen.bytes())
    }

    /// What the overlay says about a key, if anything.
    fn lookup(&self, table: Table, key: &[u8]) -> Option<&Entry> {
        let of_frozen = || self.frozen.as_ref().and_then(|frozen| frozen.get(table, key));
        self.active.get(table, key).or_else(of_frozen)
    }

    /// The overlay's entries of a span, as many as a scan that stops at `limit` rows can need.
    fn overlay(&self, span: Span<'_>, limit: usize) -> Vec<(Bytes, Entry)> {
        let mut active = self.active.range(span.table, span.from, span.to).peekable();
        let frozen = self.frozen.iter().flat_map(|frozen| frozen.range(span.table, span.from, span.to));
        let mut frozen = frozen.peekable();
        let mut entries = Vec::new();
        let mut present = 0;
        while present < limit {
            let next = match (active.peek(), frozen.peek()) {
                (Some((newer, _)), Some((older, _))) if newer == older => {
                    frozen.next();
                    active.next()
                }
                (Some((newer, _)), Some((older, _))) if older < newer => frozen.next(),
                (Some(_), _) => active.next(),
                (None, _) => frozen.next(),
            };
            let Some((key, entry)) = next else { break };
            present += usize::from(entry.is_some());
            entries.push((key.clone(), entry.clone()));
        }
        entries
    }
}

/// Merges the overlay's entries with the engine's rows, in order, until the visitor breaks. The overlay
/// must hold every entry of the span up to the row at which the visitor breaks.
fn merge(
    overlay: &[(Bytes, Entry)],
    base: &dyn View,
    span: Span<'_>,
    visitor: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
) -> Result<(), EngineError> {
    let mut overlay = overlay.iter().peekable();
    let mut stopped = false;
    base.scan(span.table, span.from, span.to, &mut |key, value| {
        while let Some((newer, entry)) = overlay.next_if(|(newer, _)| newer.as_ref() <= key) {
            if let Some(value) = entry
                && visitor(Row::Overlay(newer, value)).is_break()
            {
                stopped = true;
                return ControlFlow::Break(());
            }
            if newer.as_ref() == key {
                return ControlFlow::Continue(());
            }
        }
        if visitor(Row::Engine(key, value)).is_break() {
            stopped = true;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    if stopped {
        return Ok(());
    }
    for (key, entry) in overlay {
        if let Some(value) = entry
            && visitor(Row::Overlay(key, value)).is_break()
        {
            break;
        }
    }
    Ok(())
}
