//! Figures of the service, for Prometheus.

mod counted;
mod http;

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use vss_model::Error;
use vss_service::{AuditRecord, OperationKind, Served, VssAsync};

use crate::listen::Table;
use counted::Counted;
pub(crate) use http::serve;

/// The step of a creation during which writes are held.
const HELD: &str = "writes were held";

/// Upper bounds of an operation's length, in seconds.
const LENGTHS: [f64; 13] = [
    0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0,
];

/// Upper bounds of the time for which writes are held, in seconds.
const HOLDS: [f64; 11] = [
    0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    kind: &'static str,
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// All figures.
pub(crate) struct Metrics {
    registry: Registry,
    counted: Counted,
    operations: Family<Ended, Counter>,
    seconds: Family<Kind, Histogram, fn() -> Histogram>,
    disks: Family<Kind, Counter>,
    held: Histogram,
    running: Gauge,
}

impl Metrics {
    /// Figures of a service, counted from now on. `sessions` tells how many are open.
    pub(crate) fn new(
        service: &Arc<dyn Served>,
        connections: &Arc<Table>,
        sessions: Box<dyn Fn() -> usize + Send + Sync>,
    ) -> Arc<Self> {
        let lengths: fn() -> Histogram = || Histogram::new(LENGTHS);
        let mut registry = Registry::default();
        let metrics = Self {
            counted: Counted::default(),
            operations: Family::default(),
            seconds: Family::new_with_constructor(lengths),
            disks: Family::default(),
            held: Histogram::new(HOLDS),
            running: Gauge::default(),
            registry: Registry::default(),
        };
        let started = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64());
        registry.register(
            "process_start_time_seconds",
            "When the process began, in seconds since 1970",
            ConstGauge::new(started),
        );
        let vss = registry.sub_registry_with_prefix("vss");
        vss.register(
            "build",
            "What is running",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        vss.register(
            "operations",
            "Operations that ended, by kind and result code",
            metrics.operations.clone(),
        );
        vss.register(
            "operation_seconds",
            "How long operations took, from their begin to their end",
            metrics.seconds.clone(),
        );
        vss.register(
            "writes_held_seconds",
            "For how long finished creations held writes",
            metrics.held.clone(),
        );
        vss.register(
            "disks",
            "Disks of operations that ended",
            metrics.disks.clone(),
        );
        vss.register(
            "operations_running",
            "Operations in work",
            metrics.running.clone(),
        );
        vss.register_collector(Box::new(AtScrape {
            service: Arc::clone(service),
            connections: Arc::clone(connections),
            sessions,
        }));
        let metrics = Arc::new(Self {
            registry,
            ..metrics
        });
        let counting = Arc::clone(&metrics);
        service.listen(Arc::new(move |operation| counting.note(operation)));
        metrics
    }

    /// The text that Prometheus reads. Looks into the catalogue: not for an async thread.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    fn note(&self, operation: &dyn VssAsync) {
        // In this process it can always be asked.
        let Ok(state) = operation.state() else {
            return;
        };
        if state.is_pending() {
            self.counted.began(state.operation);
        } else if self.counted.ended(state.operation) {
            self.operations
                .get_or_create(&Ended {
                    kind: state.kind.name(),
                    code: state.code.name_or_hex(),
                })
                .inc();
            if let Some(report) = &state.report {
                self.count(report);
            }
        }
        self.running
            .set(i64::try_from(self.counted.running()).unwrap_or(i64::MAX));
    }

    fn count(&self, report: &AuditRecord) {
        let kind = Kind {
            kind: report.kind.name(),
        };
        /// Units of a timestamp in a second.
        const UNITS: f64 = 10_000_000.0;
        let units = report.finished.0.saturating_sub(report.started.0).max(0);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a length of an operation is far below 2^53 units"
        )]
        let seconds = units as f64 / UNITS;
        self.seconds.get_or_create(&kind).observe(seconds);
        let disks = u64::try_from(report.disks.len()).unwrap_or(u64::MAX);
        self.disks.get_or_create(&kind).inc_by(disks);
        if report.kind == OperationKind::Create && report.error.is_none() {
            for step in report.steps.iter().filter(|step| step.step == HELD) {
                let held = std::time::Duration::from_micros(step.micros);
                self.held.observe(held.as_secs_f64());
            }
        }
    }
}

/// What is looked up when somebody asks.
struct AtScrape {
    service: Arc<dyn Served>,
    connections: Arc<Table>,
    sessions: Box<dyn Fn() -> usize + Send + Sync>,
}

impl fmt::Debug for AtScrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtScrape")
    }
}

impl Collector for AtScrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut gauge = |name, help, value: u64| {
            let value = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            value.encode(encoder.encode_descriptor(name, help, None, value.metric_type())?)
        };
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        gauge(
            "sessions",
            "Requester sessions that are open.",
            count((self.sessions)()),
        )?;
        gauge(
            "connections",
            "Connections that are open.",
            count(self.connections.open()),
        )?;
        let status = self.service.status();
        if let Ok(status) = &status {
            gauge("sets", "Shadow copy sets.", status.sets)?;
            gauge("copies", "Shadow copies.", status.copies)?;
        }
        let mut counter = |name, help, value: u64| {
            let value = ConstCounter::new(value);
            value.encode(encoder.encode_descriptor(name, help, None, value.metric_type())?)
        };
        if let Ok(status) = &status {
            counter(
                "refusals",
                "Calls refused with E_ACCESSDENIED, ever.",
                status.refused,
            )?;
        }
        counter(
            "connections_turned_away",
            "Connections closed because there was no place for them.",
            self.connections.turned_away(),
        )?;
        status.map(drop).or_else(|error: Error| {
            // The figures that need no catalogue are told all the same.
            tracing::warn!("could not count sets and copies: {}", error.chain());
            Ok(())
        })
    }
}
