//! Cleans up behind a cluster, also when the test process was killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::error::ClusterError;
use crate::{netns, process};

/// A shell that waits for its standard input to end, which the death of this process, however it
/// comes, brings about; then unmounts and removes. It is the only clean-up there is, so that the
/// way that is seldom taken is the same as the usual one.
pub(super) struct Janitor {
    shell: Child,
}

/// `$1` is the cluster's directory, `$2` the name of its network (empty: none, `$3` how to remove
/// it), the rest are mounts. A server may still be ending, so removing is tried for two seconds. A
/// mount that stays must not have its files removed through it.
const SCRIPT: &str = r#"
read -r _
dir=$1; network=$2; remove=$3; shift 3
for try in 1 2 3 4 5 6 7 8 9 10; do
    for mount in "$@"; do
        if grep -qF " $mount " /proc/self/mounts; then
            umount -l "$mount" 2>/dev/null || fusermount3 -u -z "$mount" 2>/dev/null
        fi
    done
    if [ -n "$network" ]; then eval "$remove"; fi
    rm -rf --one-file-system "$dir" 2>/dev/null && exit 0
    sleep 0.2
done
exit 1
"#;

impl Janitor {
    pub(super) fn watch(dir: &Path, network: &str, mounts: &[PathBuf]) -> Result<Self, ClusterError> {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "litefs-diesel-janitor"]).arg(dir);
        command.args([network, netns::REMOVE]).args(mounts);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Ctrl-C at the terminal is not for it.
        command.process_group(0);
        let shell = process::spawn(command);
        Ok(Self { shell: shell.map_err(|error| ClusterError::new(format!("cannot start sh: {error}")))? })
    }

    /// Lets it clean up, and waits until it has, for at most `patience`.
    pub(super) fn finish(&mut self, patience: Duration) {
        drop(self.shell.stdin.take());
        let _ = process::wait_exit(&mut self.shell, patience);
    }
}
