//! The side inside the application.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, mpsc};

use super::protocol::{READY, Request, Response};

type Run<S> = Box<dyn Fn(Arc<S>, Value) -> BoxFuture<'static, Result<Value, Value>> + Send + Sync>;

/// What an application can be asked: a name and an async function each.
pub struct Commands<S> {
    by_name: BTreeMap<&'static str, Run<S>>,
}

impl<S: Send + Sync + 'static> Commands<S> {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self { by_name: BTreeMap::new() }
    }

    /// Adds one. Its arguments come from the request's JSON and its value goes back as JSON; an
    /// error as JSON too (text, or whatever the test wants to take apart).
    #[must_use]
    pub fn add<A, T, E, F>(
        mut self,
        name: &'static str,
        run: impl Fn(Arc<S>, A) -> F + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned,
        T: Serialize,
        E: Serialize,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.by_name.insert(
            name,
            Box::new(move |state, args| {
                let args = match serde_json::from_value(args) {
                    Ok(args) => args,
                    Err(error) => return async move { Err(json!(format!("{name}: {error}"))) }.boxed(),
                };
                run(state, args)
                    .map(|result| match result {
                        Ok(value) => serde_json::to_value(value).map_err(|error| json!(error.to_string())),
                        Err(error) => Err(serde_json::to_value(error).unwrap_or_default()),
                    })
                    .boxed()
            }),
        );
        self
    }
}

impl<S: Send + Sync + 'static> Default for Commands<S> {
    fn default() -> Self {
        Self::new()
    }
}

/// Says that the application is ready, with `info`, and answers commands, each in a task of its
/// own, until standard input ends or SIGTERM comes. What is running then is not waited for: the
/// caller shuts down what `state` holds. Call it in a tokio runtime.
///
/// # Errors
/// When standard input or output fail.
pub async fn serve<S: Send + Sync + 'static>(
    state: Arc<S>,
    commands: Commands<S>,
    info: impl Serialize,
) -> io::Result<()> {
    let output = Arc::new(Mutex::new(tokio::io::stdout()));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut lines = input_lines();
    answer(&output, READY, Ok(serde_json::to_value(info)?)).await?;
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            _ = terminate.recv() => None,
        };
        let Some(line) = line.transpose()? else { return Ok(()) };
        let request: Request = serde_json::from_str(&line)?;
        let run = match commands.by_name.get(request.cmd.as_str()) {
            Some(run) => run(state.clone(), request.args),
            None => {
                let known: Vec<_> = commands.by_name.keys().collect();
                let error = json!(format!("no command {:?}; there are {known:?}", request.cmd));
                async move { Err(error) }.boxed()
            }
        };
        let output = output.clone();
        tokio::spawn(async move {
            // A panic is an answer too: else its test waits for the deadline, and learns nothing.
            let result = std::panic::AssertUnwindSafe(run).catch_unwind().await;
            let result = result.unwrap_or_else(|_| Err(json!("the command panicked; see the log")));
            let _ = answer(&output, request.id, result).await;
        });
    }
}

/// Standard input, read by a thread of its own: tokio's reader would keep the runtime from ending
/// until the other side closes.
fn input_lines() -> mpsc::Receiver<io::Result<String>> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in io::stdin().lines() {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

async fn answer(output: &Mutex<tokio::io::Stdout>, id: u64, result: Result<Value, Value>) -> io::Result<()> {
    let mut line = serde_json::to_vec(&Response { id, result: result.into() })?;
    line.push(b'\n');
    let mut output = output.lock().await;
    output.write_all(&line).await?;
    output.flush().await
}
