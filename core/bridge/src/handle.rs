//! Objects that another language holds by number. A number of an object that is gone, that never was, or that belongs
//! to another process of the family, is noticed.
//!
//! ```text
//!  63            32 31      26 25   20 19              0
//! +----------------+----------+-------+-----------------+
//! |   generation   |   mark   |   0   | place   | shard |
//! +----------------+----------+-------+-----------------+
//! ```
//! Worked example: the first object of shard 3 has place 0 and generation 1, so its handle is `0x1_0000_0003`. Once it
//! is removed, the next object of that place has generation 2: `0x2_0000_0003`, and the old number fits nothing any
//! more. A forked child has another mark, so its parent's numbers do not fit its objects.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use crate::error::BridgeError;

/// Objects of one table that may be open at once: a leak shows as an error and not as memory.
pub const HANDLES_MAX: usize = SHARDS * PLACES_MAX;

/// Each call takes a place and gives it back, from many threads: so many of them can do it at once.
const SHARDS: usize = 1 << SHARD_BITS;
const SHARD_BITS: u32 = 4;
const PLACES_MAX: usize = 1 << 16;
const INDEX_BITS: u32 = 20;
const MARK_SHIFT: u32 = 26;
/// Marks that a handle has room for.
pub(crate) const MARKS_MAX: usize = 1 << (32 - MARK_SHIFT);

thread_local! {
    /// The shard that this thread's objects go to.
    static SHARD: Cell<Option<usize>> = const { Cell::new(None) };
}

/// A table of objects. A handle is never 0.
pub struct Handles<T: ?Sized> {
    shards: [RwLock<Table<T>>; SHARDS],
    mark: u64,
    live: AtomicUsize,
}

struct Table<T: ?Sized> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

struct Place<T: ?Sized> {
    generation: u32,
    object: Option<Arc<T>>,
}

impl<T: ?Sized> Handles<T> {
    /// An empty table.
    pub const fn new() -> Self {
        Self::with_mark(0)
    }

    /// An empty table whose handles fit no table with another mark. `mark` is less than [`MARKS_MAX`].
    pub(crate) const fn with_mark(mark: usize) -> Self {
        Self {
            shards: [const { RwLock::new(Table { places: Vec::new(), free: Vec::new() }) }; SHARDS],
            mark: mark as u64,
            live: AtomicUsize::new(0),
        }
    }

    /// Takes an object in and returns its handle.
    pub fn insert(&self, object: Arc<T>) -> Result<u64, BridgeError> {
        let first = own_shard();
        let mut object = Some(object);
        for step in 0..SHARDS {
            let shard = (first + step) % SHARDS;
            if let Some((generation, place)) = self.shards[shard].write().take_in(&mut object) {
                self.live.fetch_add(1, Ordering::Relaxed);
                let index = u64::from(place) << SHARD_BITS | shard as u64;
                return Ok(u64::from(generation) << 32 | self.mark << MARK_SHIFT | index);
            }
        }
        Err(BridgeError::exhausted(format!("{HANDLES_MAX} objects are open; close some first")))
    }

    /// The object, unless it has been removed.
    pub fn get(&self, handle: u64) -> Result<Arc<T>, BridgeError> {
        let (shard, place) = self.locate(handle)?;
        let table = self.shards[shard].read();
        let place = table.places.get(place).filter(|place| place.generation == generation(handle));
        place.and_then(|place| place.object.clone()).ok_or_else(BridgeError::closed)
    }

    /// Removes the object. Removing it again is no error and returns nothing.
    pub fn remove(&self, handle: u64) -> Option<Arc<T>> {
        let (shard, index) = self.locate(handle).ok()?;
        let object = self.shards[shard].write().take_out(index, generation(handle))?;
        self.live.fetch_sub(1, Ordering::Relaxed);
        Some(object)
    }

    /// How many objects are open.
    pub fn len(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Whether no object is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shard and place. Fails for a number that this table never gave out.
    fn locate(&self, handle: u64) -> Result<(usize, usize), BridgeError> {
        let low = handle & u64::from(u32::MAX);
        if generation(handle) == 0 || low & ((1 << MARK_SHIFT) - 1) >= 1 << INDEX_BITS {
            return Err(BridgeError::closed());
        }
        if low >> MARK_SHIFT != self.mark {
            return Err(BridgeError::forked());
        }
        let index = (low & ((1 << INDEX_BITS) - 1)) as usize;
        Ok((index % SHARDS, index >> SHARD_BITS))
    }
}

impl<T: ?Sized> Default for Handles<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: ?Sized> Table<T> {
    /// Leaves the object where it is when all places are taken.
    fn take_in(&mut self, object: &mut Option<Arc<T>>) -> Option<(u32, u32)> {
        if let Some(index) = self.free.pop() {
            let place = &mut self.places[index as usize];
            place.object = object.take();
            return Some((place.generation, index));
        }
        if self.places.len() >= PLACES_MAX {
            return None;
        }
        self.places.push(Place { generation: 1, object: object.take() });
        Some((1, self.places.len() as u32 - 1))
    }

    fn take_out(&mut self, index: usize, generation: u32) -> Option<Arc<T>> {
        let place = self.places.get_mut(index).filter(|place| place.generation == generation)?;
        let object = place.object.take()?;
        // A place whose generations are used up is retired, so that no old handle ever fits again.
        if let Some(next) = place.generation.checked_add(1) {
            place.generation = next;
            self.free.push(index as u32);
        }
        Some(object)
    }
}

fn generation(handle: u64) -> u32 {
    (handle >> 32) as u32
}

/// Threads take shards in turn. A thread that is ending has lost its own, and any other does.
fn own_shard() -> usize {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let next = || TURN.fetch_add(1, Ordering::Relaxed) % SHARDS;
    let own = SHARD.try_with(|shard| {
        let own = shard.get().unwrap_or_else(next);
        shard.set(Some(own));
        own
    });
    own.unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::Kind;

    #[test]
    fn a_handle_of_a_removed_object_stays_dead_when_its_place_is_reused() {
        let handles = Handles::new();
        let first = handles.insert(Arc::new("first")).unwrap();
        assert_eq!(*handles.remove(first).unwrap(), "first");
        let second = handles.insert(Arc::new("second")).unwrap();
        assert_eq!(first as u32, second as u32);
        assert_eq!(handles.get(first).unwrap_err().kind, Kind::Closed);
        assert!(handles.remove(first).is_none());
        assert_eq!(*handles.get(second).unwrap(), "second");
        assert_eq!(handles.len(), 1);
    }

    #[test]
    fn numbers_that_were_never_given_out_are_refused() {
        let handles = Handles::<()>::new();
        for stray in [0, 1, u64::MAX, 1 << 32, 1 << 32 | 1 << INDEX_BITS] {
            assert!(handles.get(stray).is_err());
            assert!(handles.remove(stray).is_none());
        }
    }

    #[test]
    fn a_parents_handle_is_told_from_a_childs() {
        let parent = Handles::with_mark(0);
        let child = Handles::with_mark(MARKS_MAX - 1);
        let made_by_parent = parent.insert(Arc::new("parent")).unwrap();
        let made_by_child = child.insert(Arc::new("child")).unwrap();
        assert_eq!(child.get(made_by_parent).unwrap_err().kind, Kind::Forked);
        assert_eq!(parent.get(made_by_child).unwrap_err().kind, Kind::Forked);
        assert!(child.remove(made_by_parent).is_none());
        assert_eq!(*child.get(made_by_child).unwrap(), "child");
    }

    #[test]
    fn the_table_takes_as_many_as_it_says_and_tells_when_it_is_full() {
        let handles = Handles::new();
        let object = Arc::new(());
        let given: HashSet<_> = (0..HANDLES_MAX).map(|_| handles.insert(object.clone()).unwrap()).collect();
        assert_eq!((given.len(), handles.len()), (HANDLES_MAX, HANDLES_MAX));
        assert_eq!(handles.insert(object.clone()).unwrap_err().kind, Kind::ResourceExhausted);
        let one = *given.iter().next().unwrap();
        handles.remove(one).unwrap();
        assert_ne!(handles.insert(object).unwrap(), one);
    }

    #[test]
    fn threads_that_open_and_close_at_once_never_share_a_handle() {
        let handles = Arc::new(Handles::new());
        let workers: Vec<_> = (0..8)
            .map(|worker: usize| {
                let handles = handles.clone();
                std::thread::spawn(move || {
                    for round in 0..5_000 {
                        let object = (worker, round);
                        let handle = handles.insert(Arc::new(object)).unwrap();
                        assert_eq!(*handles.get(handle).unwrap(), object);
                        assert_eq!(*handles.remove(handle).unwrap(), object);
                        assert!(handles.get(handle).is_err());
                    }
                })
            })
            .collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        assert!(handles.is_empty());
    }
}
