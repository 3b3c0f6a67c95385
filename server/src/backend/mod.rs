//! Where state is kept between restarts: the only place that names a storage engine.
