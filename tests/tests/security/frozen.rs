//! Row 29a: a file system that is frozen, as for a backup, under a publisher and its readers.

use std::fs;
use std::time::{Duration, Instant};

use flagstaff_tests::namespace::{in_namespace, is_root};
use flagstaff_tests::place::Place;
use flagstaff_tests::process::Process;
use flagstaff_tests::wait::DEADLINE;

/// An ext4 of its own on a loop device. What is frozen is thawed in any case: whoever waits for a frozen disk cannot be killed.
const SCRIPT: &str = r#"
set -e
cd "$0"
truncate -s 400M disk
mkfs.ext4 -q -F disk
mkdir -p mounted
mount -o loop disk mounted
trap 'fsfreeze -u mounted 2>/dev/null || true' EXIT
"$1" run --no-wait --source flags.json --file mounted/flags.flagstaff 2>run.log &
publisher=$!
# As a reader of the time before sees it.
until [ "$("$1" get n --default 0 --file mounted/flags.flagstaff 2>/dev/null)" = 1 ]; do sleep 0.02; done
sync mounted/flags.flagstaff
"$1" watch --file mounted/flags.flagstaff > watched &
watch=$!
until grep -q generation watched; do sleep 0.02; done
fsfreeze -f mounted
echo frozen
echo '{"n": 2}' > flags.new
mv flags.new flags.json
for look in 1 2 3 4 5 6 7 8 9 10; do
    "$1" get n --file mounted/flags.flagstaff
    "$1" status --json --file mounted/flags.flagstaff > status.json
    sleep 0.1
done
kill -0 $watch
echo alive
fsfreeze -u mounted
echo thawed
until [ "$("$1" get n --file mounted/flags.flagstaff)" = 2 ]; do sleep 0.02; done
until grep -q 'n: 1 -> 2' watched; do sleep 0.02; done
kill $watch
kill $publisher
wait $publisher
umount mounted
echo done
"#;

#[test]
fn row_29a_readers_are_undisturbed_by_a_frozen_file_system_and_publishing_goes_on_after_it() {
    if !is_root() {
        eprintln!("SKIPPED: only root can freeze a file system");
        return;
    }
    let place = Place::new();
    let script = "for tool in mkfs.ext4 fsfreeze losetup; do command -v $tool || exit 1; done; \
        truncate -s 8M \"$0/try\" && mkfs.ext4 -q -F \"$0/try\" && mkdir \"$0/tried\" && mount -o loop \"$0/try\" \"$0/tried\" && \
        fsfreeze -f \"$0/tried\" && fsfreeze -u \"$0/tried\" && umount \"$0/tried\"";
    let Some(mut tried) = in_namespace("-m", script) else { return };
    let tried = tried.arg(place.folder()).output().unwrap();
    if !tried.status.success() {
        eprintln!("SKIPPED: no loop device can be frozen: {}", String::from_utf8_lossy(&tried.stderr));
        return;
    }
    fs::write(place.join("flags.json"), r#"{"n": 1}"#).unwrap();
    let mut command = in_namespace("-m", SCRIPT).unwrap();
    command.arg(place.folder()).arg(flagstaff_tests::binary());
    let mut frozen = Process::start(command);
    let (begun, _) = frozen.expect_line("frozen");
    let (ended, _) = frozen.expect_line("alive");
    let looks = frozen.stdout().lines().filter(|line| *line == "1" || *line == "2").count();
    let new = frozen.stdout().lines().filter(|line| *line == "2").count();
    eprintln!(
        "20 commands in {:?} on a frozen file system, {new} of 10 looks saw the new value",
        ended - begun
    );
    assert_eq!(looks, 10, "{}", frozen.stdout());
    // Ten pauses of 0.1 s are in it; the rest is starting programs on a busy machine.
    assert!(ended - begun < Duration::from_secs(15), "{:?}", ended - begun);
    let thawed = Instant::now();
    frozen.expect_line("done");
    eprintln!("all is well {:?} after the thaw", thawed.elapsed());
    assert!(frozen.wait(DEADLINE).success(), "{}", frozen.stderr());
}
