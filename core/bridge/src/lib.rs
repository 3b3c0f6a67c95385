//! What every language binding needs, with no language named.
