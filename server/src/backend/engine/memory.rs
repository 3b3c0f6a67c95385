//! The engine of servers that leave nothing behind: a sorted map for each table.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;

use super::{Engine, EngineError, View};
use crate::backend::layer::Layer;
use crate::backend::read::RowVisitor;
use crate::backend::{Size, Table};

/// Entries brought in under one lock. A layer need not come in at once, since the layer itself hides
/// what it changes until it is complete, and readers should not wait for a whole one.
const APPLY_STEP_ENTRIES: usize = 256;

#[derive(Default)]
pub(super) struct MemoryEngine {
    tables: Arc<Tables>,
}

#[derive(Default)]
struct Tables {
    content: RwLock<Content>,
}

#[derive(Default)]
struct Content {
    tables: [BTreeMap<Bytes, Bytes>; Table::ALL.len()],
    bytes: u64,
}

impl Content {
    fn change(&mut self, table: Table, key: &Bytes, entry: Option<&Bytes>) {
        let records = &mut self.tables[table as usize];
        let old = match entry {
            Some(value) => {
                self.bytes += (key.len() + value.len()) as u64;
                records.insert(key.clone(), value.clone())
            }
            None => records.remove(key),
        };
        if let Some(old) = old {
            self.bytes -= (key.len() + old.len()) as u64;
        }
    }
}

impl Engine for MemoryEngine {
    fn apply(&self, layer: &Layer) -> Result<(), EngineError> {
        for table in Table::ALL {
            let mut entries = layer.table(table).iter().peekable();
            while entries.peek().is_some() {
                let mut content = self.tables.content.write();
                for (key, entry) in entries.by_ref().take(APPLY_STEP_ENTRIES) {
                    content.change(table, key, entry.as_ref());
                }
            }
        }
        Ok(())
    }

    fn view(&self) -> Result<Arc<dyn View>, EngineError> {
        Ok(self.tables.clone())
    }

    fn mark(&self) -> Result<Option<Bytes>, EngineError> {
        Ok(None)
    }

    fn size(&self) -> Result<Size, EngineError> {
        let bytes = self.tables.content.read().bytes;
        Ok(Size { total_bytes: bytes, in_use_bytes: bytes })
    }

    fn compact(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

impl View for Tables {
    fn is_snapshot(&self) -> bool {
        false
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.content.read().tables[table as usize].get(key).cloned())
    }

    fn scan(
        &self,
        table: Table,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        visitor: &mut RowVisitor<'_>,
    ) -> Result<(), EngineError> {
        let content = self.content.read();
        for (key, value) in content.tables[table as usize].range::<[u8], _>((from, to)) {
            if visitor(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}
