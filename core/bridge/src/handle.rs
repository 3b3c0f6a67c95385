//! Objects that another language holds by number. A number of an object that is gone, or that never was, is noticed.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::error::BridgeError;

/// Objects of one kind that may be open at once: a leak shows as an error and not as memory.
pub const HANDLES_MAX: usize = 1 << 20;

/// A table of objects. A handle is the generation of its place above the number of the place, and never 0.
pub struct Handles<T> {
    table: RwLock<Table<T>>,
}

struct Table<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

struct Place<T> {
    generation: u32,
    object: Option<Arc<T>>,
}

impl<T> Handles<T> {
    /// An empty table.
    pub const fn new() -> Self {
        Self { table: RwLock::new(Table { places: Vec::new(), free: Vec::new() }) }
    }

    /// Takes an object in and returns its handle.
    pub fn insert(&self, object: Arc<T>) -> Result<u64, BridgeError> {
        let mut table = self.table.write();
        if let Some(index) = table.free.pop() {
            let place = &mut table.places[index as usize];
            place.object = Some(object);
            return Ok(handle(place.generation, index));
        }
        if table.places.len() >= HANDLES_MAX {
            return Err(BridgeError::exhausted(format!("{HANDLES_MAX} objects are open; close some first")));
        }
        let index = table.places.len() as u32;
        table.places.push(Place { generation: 1, object: Some(object) });
        Ok(handle(1, index))
    }

    /// The object, unless it has been removed.
    pub fn get(&self, handle: u64) -> Result<Arc<T>, BridgeError> {
        let table = self.table.read();
        let place = table.places.get(index(handle)).filter(|place| place.generation == generation(handle));
        place.and_then(|place| place.object.clone()).ok_or_else(BridgeError::closed)
    }

    /// Removes the object. Removing it again is no error and returns nothing.
    pub fn remove(&self, handle: u64) -> Option<Arc<T>> {
        let mut table = self.table.write();
        let place =
            table.places.get_mut(index(handle)).filter(|place| place.generation == generation(handle))?;
        let object = place.object.take()?;
        // A place whose generations are used up is retired, so that no old handle ever fits again.
        if let Some(next) = place.generation.checked_add(1) {
            place.generation = next;
            table.free.push(index(handle) as u32);
        }
        Some(object)
    }

    /// How many objects are open.
    pub fn len(&self) -> usize {
        self.table.read().places.iter().filter(|place| place.object.is_some()).count()
    }

    /// Whether no object is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Default for Handles<T> {
    fn default() -> Self {
        Self::new()
    }
}

fn handle(generation: u32, index: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(index)
}

fn index(handle: u64) -> usize {
    handle as u32 as usize
}

fn generation(handle: u64) -> u32 {
    (handle >> 32) as u32
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn a_handle_of_a_removed_object_stays_dead_when_its_place_is_reused() {
        let handles = Handles::new();
        let first = handles.insert(Arc::new("first")).unwrap();
        assert_eq!(*handles.remove(first).unwrap(), "first");
        let second = handles.insert(Arc::new("second")).unwrap();
        assert_eq!(index(first), index(second));
        assert_eq!(handles.get(first).unwrap_err().kind, Kind::Closed);
        assert!(handles.remove(first).is_none());
        assert_eq!(*handles.get(second).unwrap(), "second");
    }

    #[test]
    fn numbers_that_were_never_given_out_are_refused() {
        let handles = Handles::<()>::new();
        for stray in [0, 1, u64::MAX, 1 << 32] {
            assert!(handles.get(stray).is_err());
            assert!(handles.remove(stray).is_none());
        }
    }
}
