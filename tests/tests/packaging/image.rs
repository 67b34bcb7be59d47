//! The root of the container image, put together as its Dockerfile does it, read-only and without root.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use flagstaff_tests::binary;
use flagstaff_tests::namespace::{in_namespace, is_root};
use flagstaff_tests::process::Process;

use crate::{packaging, text};

/// `$0`: the root. Stands for the container runtime: a read-only root, a volume, /proc, the user of the image.
const CONTAINER: &str = r#"
set -e
mount --bind "$0" "$0"
mount -t proc proc "$0/proc"
mount -t tmpfs -o mode=0755,uid=65532,gid=65532 tmpfs "$0/run/flagstaff"
mount -o remount,ro,bind "$0"
inside() { chroot --userspec=65532:65532 "$0" "$@"; }
export FLAGSTAFF_FILE=/run/flagstaff/flags.flagstaff
if inside COMMAND status --check >/dev/null 2>&1; then echo healthy without a publisher; exit 1; fi
inside COMMAND run --source /flags.json &
until inside COMMAND status --check >/dev/null 2>&1; do sleep 0.05; done
inside COMMAND get n
"#;

#[test]
fn the_command_publishes_and_is_healthy_in_the_image_without_root_and_with_a_read_only_root() {
    if !is_root() {
        return eprintln!("SKIPPED: only root can change its root");
    }
    let dockerfile = text("docker/Dockerfile");
    for line in
        ["packaging/docker/image-root target/dist/flagstaff /image", "FROM scratch", "USER 65532:65532"]
    {
        assert!(dockerfile.contains(line), "{line}");
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let built =
        Command::new(packaging().join("docker/image-root")).arg(binary()).arg(&root).output().unwrap();
    assert!(built.status.success(), "{built:?}");
    // Other users go through it.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(root.join("proc")).unwrap();
    fs::write(root.join("flags.json"), r#"{"n":7}"#).unwrap();
    let script = CONTAINER.replace("COMMAND", "/usr/bin/flagstaff");
    let Some(mut command) = in_namespace("-m -p", &script) else { return };
    command.arg(&root);
    let mut container = Process::start(command);
    container.expect_line("7");
    container.kill();
}
