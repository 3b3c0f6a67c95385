//! Cargo chooses the features of dependencies by what is built together, so that a library built by itself, as
//! maturin does with Python's, compiles half the workspace a second time with slightly fewer of them. A crate that
//! depends on this one, under its feature `workspace-features`, gets those that building the whole workspace chooses.
//! Only our own builds turn it on; `check` compares the two choices.
