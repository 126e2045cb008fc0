//! What the system says of this process, under the names that Prometheus gives to it in every program. Systems without
//! `/proc` say nothing, and the numbers stay at zero.

use std::fs;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use rustix::time::{ClockId, clock_gettime};

#[derive(Default)]
pub(super) struct Gauges {
    resident: Gauge,
    descriptors: Gauge,
    threads: Gauge,
    processor: Counter<f64, AtomicU64>,
}

impl Gauges {
    pub(super) fn register(&self, registry: &mut Registry) {
        let process = registry.sub_registry_with_prefix("process");
        process.register_with_unit(
            "resident_memory",
            "Memory that is in use",
            Unit::Bytes,
            self.resident.clone(),
        );
        process.register(
            "open_fds",
            "Open files and connections",
            self.descriptors.clone(),
        );
        process.register("threads", "Threads", self.threads.clone());
        process.register_with_unit(
            "cpu",
            "Time of the processor",
            Unit::Seconds,
            self.processor.clone(),
        );
    }

    /// Reads what is now.
    pub(super) fn read(&self) {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        if let Some(kib) = field(&status, "VmRSS:") {
            self.resident.set(kib.saturating_mul(1024));
        }
        if let Some(threads) = field(&status, "Threads:") {
            self.threads.set(threads);
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            self.descriptors
                .set(i64::try_from(open.count()).unwrap_or(i64::MAX));
        }
        let more = processor_seconds() - self.processor.get();
        self.processor.inc_by(more.max(0.0));
    }
}

/// The number after a name in `/proc/self/status`.
fn field(status: &str, name: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Of all threads, in user and kernel.
fn processor_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(spent.tv_sec).unwrap_or(0),
        u32::try_from(spent.tv_nsec).unwrap_or(0),
    )
    .as_secs_f64()
}
