//! What is mounted.

use std::ffi::CString;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use rustix::mount::{MountFlags, UnmountFlags};

/// Whether something is mounted at a path, alive or dead. Never touches the path itself: using a
/// mount whose server is paused would hang.
#[must_use]
pub fn is_mounted(path: &Path) -> bool {
    let wanted = path.to_string_lossy().replace(' ', "\\040");
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts.lines().any(|line| line.split(' ').nth(1) == Some(&wanted))
}

/// Detaches all that is mounted at a path, whoever uses it.
pub(super) fn unmount(path: &Path) -> io::Result<()> {
    while is_mounted(path) {
        if let Err(error) = rustix::mount::unmount(path, UnmountFlags::DETACH) {
            // Not root: FUSE's own helper may.
            let helper = Command::new("fusermount3").args(["-u", "-z"]).arg(path).output()?;
            if !helper.status.success() && is_mounted(path) {
                return Err(error.into());
            }
        }
    }
    Ok(())
}

/// Puts an empty file system over a folder that is full when so many bytes of it are used.
pub(super) fn mount_small(path: &Path, bytes: u64) -> io::Result<()> {
    let size = CString::new(format!("size={bytes}"))?;
    Ok(rustix::mount::mount("tmpfs", path, "tmpfs", MountFlags::empty(), size.as_c_str())?)
}
