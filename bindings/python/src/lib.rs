//! The native module of the Python SDK.
//!
//! It converts, calls and converts back; what a call means is in the core, what it is called is in
//! the Python package. Nothing here runs code of the program on a runtime thread, and no runtime
//! thread ever takes the GIL: results wait in plain data until a thread of Python fetches them.

mod call;
mod client;
mod codec;
mod completions;
mod election;
mod failure;
mod keep_alive;
mod lock;
mod naming;
mod server;
mod snapshot;
mod wait;
mod wake;
mod watch;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The `range_end` that selects every key with this prefix.
#[pyfunction]
fn prefix_end<'py>(py: Python<'py>, prefix: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &etcdkit::proto::key_range::prefix_end(prefix))
}

/// Starts anew in a forked child: nothing of the parent's is touched.
#[pyfunction]
fn process_forked() {
    wait::reset_after_fork();
    etcdkit_bridge::after_fork_in_child();
}

#[pymodule(gil_used = false)]
fn _etcdkit(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<call::Call>()?;
    module.add_class::<client::NativeClient>()?;
    module.add_class::<codec::Codec>()?;
    module.add_class::<completions::Completions>()?;
    module.add_class::<election::NativeElection>()?;
    module.add_class::<election::NativeObserver>()?;
    module.add_class::<keep_alive::NativeKeepAlive>()?;
    module.add_class::<lock::NativeLock>()?;
    module.add_class::<naming::NativeRegistration>()?;
    module.add_class::<server::NativeDoor>()?;
    module.add_class::<server::NativeServer>()?;
    module.add_class::<snapshot::NativeSnapshot>()?;
    module.add_class::<watch::NativeWatch>()?;
    module.add_function(wrap_pyfunction!(prefix_end, module)?)?;
    module.add_function(wrap_pyfunction!(process_forked, module)?)?;
    module.add_function(wrap_pyfunction!(wait::interpreter_exits, module)?)?;
    Ok(())
}
