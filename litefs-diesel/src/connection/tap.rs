//! The application's instrumentation, where the connection that reads finds it.

use diesel::connection::{Connection, DynInstrumentation, Instrumentation, InstrumentationEvent};
use diesel::sqlite::SqliteConnection;

/// Passes events on. It can be silenced for what is not the application's own statement, and
/// moved to another connection, which Diesel's own place for it cannot.
pub(super) struct Tap {
    listener: DynInstrumentation,
    silent: bool,
}

impl Tap {
    pub(super) fn new(listener: DynInstrumentation) -> Self {
        Self { listener, silent: false }
    }

    /// What the application itself has set.
    pub(super) fn listener(&mut self) -> &mut dyn Instrumentation {
        &mut *self.listener
    }

    pub(super) fn emit(&mut self, event: InstrumentationEvent<'_>) {
        self.listener.on_connection_event(event);
    }

    /// The tap of a connection that [`put`](Self::put) gave one.
    pub(super) fn of(conn: &mut SqliteConnection) -> Option<&mut Self> {
        conn.instrumentation().downcast_mut()
    }

    pub(super) fn put(self, conn: &mut SqliteConnection) {
        conn.set_instrumentation(self);
    }

    /// Takes it off a connection, to be put on another.
    pub(super) fn take(conn: &mut SqliteConnection) -> Self {
        let listener =
            Self::of(conn).map(|tap| std::mem::replace(&mut tap.listener, DynInstrumentation::none()));
        Self::new(listener.unwrap_or_else(DynInstrumentation::none))
    }

    /// Runs what is not the application's own statement.
    pub(super) fn silenced<R>(
        conn: &mut SqliteConnection,
        run: impl FnOnce(&mut SqliteConnection) -> R,
    ) -> R {
        Self::silence(conn, true);
        let result = run(conn);
        Self::silence(conn, false);
        result
    }

    fn silence(conn: &mut SqliteConnection, silent: bool) {
        if let Some(tap) = Self::of(conn) {
            tap.silent = silent;
        }
    }
}

impl Instrumentation for Tap {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if !self.silent {
            self.listener.on_connection_event(event);
        }
    }
}
