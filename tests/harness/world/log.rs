//! The log of all tests of this process, at TRACE and with the metrics.

use std::io;
use std::sync::{Mutex, Once};

use postern::telemetry::metrics::Sink;
use postern_rules::config::MetricsNames;
use tracing_subscriber::fmt::writer::MakeWriterExt;

use crate::metrics;

static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static STARTED: Once = Once::new();

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The namespace and function name of metrics in tests.
pub fn metrics_names() -> MetricsNames {
    MetricsNames {
        namespace: metrics::NAMESPACE.to_owned(),
        function_name: metrics::FUNCTION_NAME.to_owned(),
    }
}

/// Where an environment's metrics go. They are also written to the log, so that the checks of the
/// log cover them.
pub(super) fn metrics() -> Sink {
    Sink::new(metrics_names(), (|| Writer).and(|| metrics::Writer))
}

/// Starts the log if necessary. Returns its length so far.
pub(super) fn start() -> usize {
    STARTED.call_once(|| {
        let subscriber = postern::telemetry::subscriber(tracing::Level::TRACE, || Writer);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    WRITTEN.lock().unwrap().len()
}

/// What was logged since the log had this length.
pub(super) fn since(length: usize) -> String {
    String::from_utf8_lossy(&WRITTEN.lock().unwrap()[length..]).into_owned()
}
