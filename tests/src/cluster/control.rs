//! Ending, pausing and starting a node's LiteFS.

use std::process::ExitStatus;
use std::{fs, io};

use rustix::process::Signal;

use super::{Cluster, ClusterError, is_mounted, mounts};

impl Cluster {
    /// Ends a node's LiteFS by SIGTERM and waits for it. `Ok(false)` says that its mount was busy
    /// (a process has a file in it open) and is left behind dead, as LiteFS itself leaves it:
    /// see [`Cluster::unmount`].
    ///
    /// # Errors
    /// When it does not end within [`PATIENCE`](crate::wait::PATIENCE), or was not running.
    pub fn stop_litefs(&self, node: usize) -> Result<bool, ClusterError> {
        self.nodes[node].server.end(Signal::TERM)?;
        Ok(!is_mounted(self.mount(node)))
    }

    /// Ends a node's LiteFS by SIGKILL, and removes the mount that this leaves behind.
    ///
    /// # Errors
    /// When it was not running, or the mount stays.
    pub fn kill_litefs(&self, node: usize) -> Result<(), ClusterError> {
        self.crash_litefs(node)?;
        self.unmount(node)
    }

    /// Ends a node's LiteFS by SIGKILL and leaves its dead mount there, as a crash does: every
    /// use of it is `ENOTCONN`, and LiteFS cannot start while a process keeps a file of it open.
    ///
    /// # Errors
    /// When it was not running.
    pub fn crash_litefs(&self, node: usize) -> Result<(), ClusterError> {
        self.nodes[node].server.end(Signal::KILL)
    }

    /// Whether a node's LiteFS was started and has ended by itself since: it exits (99) on what it
    /// cannot mend. [`Cluster::revive`] starts it again.
    #[must_use]
    pub fn has_ended(&self, node: usize) -> bool {
        self.nodes[node].server.has_ended()
    }

    /// How it has ended, when [it has](Self::has_ended).
    #[must_use]
    pub fn ended(&self, node: usize) -> Option<ExitStatus> {
        self.nodes[node].server.ended()
    }

    /// Takes a node's mount out of the file system (`umount -l`), whoever has files in it open.
    ///
    /// # Errors
    /// When it stays.
    pub fn unmount(&self, node: usize) -> Result<(), ClusterError> {
        mounts::unmount(self.mount(node)).map_err(|error| {
            self.nodes[node].fail(format!("cannot unmount {}: {error}", self.mount(node).display()))
        })
    }

    /// Gives a node whose LiteFS does not run a disk of so many bytes for its data, with nothing on it
    /// yet. It goes away with the cluster.
    ///
    /// # Errors
    /// When it cannot be mounted: root may.
    pub fn give_small_disk(&self, node: usize, bytes: u64) -> Result<(), ClusterError> {
        mounts::mount_small(self.data(node), bytes).map_err(|error| {
            self.nodes[node].fail(format!("cannot mount {}: {error}", self.data(node).display()))
        })
    }

    /// Starts a node's LiteFS again, with the same directories and port, and waits until it is
    /// mounted and answers. A replica may not replicate yet: see [`Cluster::wait_ready`].
    ///
    /// # Errors
    /// When it runs already or does not get there; with the end of its log.
    pub fn start_litefs(&self, node: usize) -> Result<(), ClusterError> {
        self.nodes[node].start()
    }

    /// From its next start on, a node's LiteFS runs these commands, one after the other, the first only where
    /// it may become primary; the last is its application, with which LiteFS ends.
    ///
    /// # Errors
    /// When its settings cannot be written.
    pub fn set_exec(&self, node: usize, commands: &[String]) -> io::Result<()> {
        let commands = commands.iter().enumerate();
        let lines = commands.map(|(at, cmd)| format!("  - {{cmd: {cmd:?}, if-candidate: {}}}\n", at == 0));
        let path = self.nodes[node].settings();
        let settings = fs::read_to_string(&path)?;
        fs::write(path, format!("{settings}exec:\n{}", lines.collect::<String>()))
    }

    /// Starts each LiteFS that has ended by itself, as its supervisor would; gives how many did.
    ///
    /// # Errors
    /// As [`Cluster::start_litefs`].
    pub fn revive(&self) -> Result<usize, ClusterError> {
        let mut revived = 0;
        for node in (0..self.len()).filter(|&node| self.has_ended(node)) {
            self.unmount(node)?;
            self.start_litefs(node)?;
            revived += 1;
        }
        Ok(revived)
    }

    /// Waits until a node is primary, or replicates from one.
    ///
    /// # Errors
    /// When it does not within [`PATIENCE`](crate::wait::PATIENCE).
    pub fn wait_ready(&self, node: usize) -> Result<(), ClusterError> {
        self.nodes[node].wait_ready()
    }

    /// Stops a node's LiteFS where it is (SIGSTOP), as a stalled machine would. Whoever then uses
    /// its mount hangs until [`Cluster::resume`].
    ///
    /// # Errors
    /// When it was not running.
    pub fn pause(&self, node: usize) -> Result<(), ClusterError> {
        self.nodes[node].server.pause(true)
    }

    /// Lets a paused LiteFS go on (SIGCONT).
    ///
    /// # Errors
    /// When it was not running.
    pub fn resume(&self, node: usize) -> Result<(), ClusterError> {
        self.nodes[node].server.pause(false)
    }
}
