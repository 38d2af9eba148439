//! Child processes that never outlive the test process.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::wait::{self, PATIENCE};

/// A command that the kernel kills with SIGKILL when the test process ends, in whatever way:
/// `setpriv` (util-linux) asks for that and becomes the program, under the same process id.
#[must_use]
pub fn bound_command(program: impl AsRef<OsStr>) -> Command {
    bound_command_behind(&[], program)
}

/// The same for a program behind others, each of which becomes the next.
#[must_use]
pub fn bound_command_behind(prefix: &[OsString], program: impl AsRef<OsStr>) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).args(prefix).arg(program);
    // A group of its own: Ctrl-C at the terminal is for the test process, which then cleans up.
    command.process_group(0);
    command
}

/// Starts a command from a thread that never ends.
///
/// The kernel sends the death signal when the *thread* that started a child ends, and the thread
/// of a test, or of an async runtime, ends before what it started may be done.
///
/// # Errors
/// As [`Command::spawn`].
pub fn spawn(mut command: Command) -> io::Result<Child> {
    type Order = (Command, Sender<io::Result<Child>>);
    static SPAWNER: OnceLock<Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, reply) in inbox {
                let _ = reply.send(command.spawn());
            }
        });
        orders
    });
    let (reply, answer) = mpsc::channel();
    command.current_dir("/"); // keeps no mount of a test busy
    spawner.send((command, reply)).map_err(|_| io::Error::other("the spawning thread is gone"))?;
    answer.recv().map_err(|_| io::Error::other("the spawning thread is gone"))?
}

/// Sends a signal to a child.
///
/// # Errors
/// When there is no such process any more.
pub fn signal(child: &Child, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("not a process id"))?;
    Ok(kill_process(pid, signal)?)
}

/// Stops a child where it is (SIGSTOP), or lets it go on (SIGCONT), and waits until that has taken
/// hold: a signal is sent before it has.
///
/// # Errors
/// When there is no such process any more, or it does not change within [`PATIENCE`].
pub fn pause(child: &Child, paused: bool) -> io::Result<()> {
    signal(child, if paused { Signal::STOP } else { Signal::CONT })?;
    wait::until(PATIENCE, || if is_stopped(child) == paused { Ok(()) } else { Err(()) })
        .map_err(|()| io::Error::other("the signal did not take hold"))
}

/// Whether a child is stopped (SIGSTOP has taken hold).
#[must_use]
pub fn is_stopped(child: &Child) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    // The state comes behind the name, which is in parentheses and may hold anything.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 't']))
}

/// Waits for a child's end; `None` when it still runs after `patience`.
///
/// # Errors
/// As [`Child::try_wait`].
pub fn wait_exit(child: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let ended = wait::until(patience, || match child.try_wait() {
        Ok(Some(status)) => Ok(Ok(status)),
        Ok(None) => Err(()),
        Err(error) => Ok(Err(error)),
    });
    ended.ok().transpose()
}
