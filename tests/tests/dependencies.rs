//! Who may depend on whom. Prose does not hold it; this does.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

/// All that a program builds for the sake of the reader: ours, system calls and the map, the archive, errors, JSON, the
/// hash. Macros and what they are made of run at build time only. A new line here is a decision.
const READER: [&str; 31] = [
    "bitflags",
    "bytecheck",
    "bytecheck_derive",
    "hashbrown",
    "itoa",
    "linux-raw-sys",
    "memchr",
    "munge",
    "munge_macro",
    "proc-macro2",
    "ptr_meta",
    "ptr_meta_derive",
    "quote",
    "rancor",
    "rend",
    "rkyv",
    "rkyv_derive",
    "rustix",
    "serde",
    "serde_core",
    "serde_derive",
    "serde_json",
    "simdutf8",
    "syn",
    "thiserror",
    "thiserror-impl",
    "unicode-ident",
    "flagstaff-format",
    "flagstaff-reader",
    "xxhash-rust",
    "zmij",
];

/// Parts of names that say network.
const NETWORK: [&str; 16] = [
    "axum",
    "tower",
    "ureq",
    "rustls",
    "ring",
    "http",
    "hyper",
    "tokio",
    "socket",
    "native-tls",
    "openssl",
    "aws-lc",
    "webpki",
    "mio",
    "curl",
    "url",
];

/// What users get.
const SHIPPED: [&str; 4] = ["flagstaff-reader", "flagstaff", "flagstaff-cli", "flagstaff-python"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn metadata() -> Metadata {
    // Only this platform's packages have been downloaded.
    let platform = format!("--filter-platform={}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).other_options(["--offline".to_owned(), platform]);
    command.exec().unwrap_or_else(|error| panic!("cargo metadata: {error}"))
}

/// Names of the packages that are built for `name`, itself included. Dependencies of its tests are not.
fn built_for(metadata: &Metadata, name: &str) -> BTreeSet<String> {
    packages_for(metadata, name).into_iter().map(|package| package.name.to_string()).collect()
}

fn packages_for<'a>(metadata: &'a Metadata, name: &str) -> Vec<&'a Package> {
    let resolve = metadata.resolve.as_ref().unwrap();
    let nodes: BTreeMap<&PackageId, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let names: BTreeMap<&PackageId, &str> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let mut open: Vec<&PackageId> =
        names.iter().filter(|(_, found)| **found == name).map(|(id, _)| *id).collect();
    assert_eq!(open.len(), 1, "{name}");
    let mut all = BTreeSet::new();
    while let Some(id) = open.pop() {
        if all.insert(id) {
            let is_built = |dep: &&cargo_metadata::NodeDep| {
                dep.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development)
            };
            open.extend(nodes[id].deps.iter().filter(is_built).map(|dep| &dep.pkg));
        }
    }
    all.into_iter().map(|id| &metadata[id]).collect()
}

/// Packages of this workspace that `name` names in its manifest, for anything but tests.
fn ours(metadata: &Metadata, name: &str) -> BTreeSet<String> {
    let package = metadata.packages.iter().find(|package| package.name.as_str() == name);
    let package = package.unwrap_or_else(|| panic!("no package {name}"));
    let named = package.dependencies.iter().filter(|dep| dep.kind != DependencyKind::Development);
    named.map(|dep| dep.name.clone()).filter(|name| name.starts_with("flagstaff")).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A package with nothing but our reader, resolved on its own: in the workspace, the features of all others would count.
/// `cargo tree` and not `cargo metadata`, which also lists optional packages that no feature turns on.
#[test]
fn a_program_that_only_reads_builds_the_allowed_packages_and_no_network() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("Cargo.toml");
    let reader = root().join("reader");
    let text = "[package]\nname = \"reads\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n";
    fs::write(&manifest, format!("{text}flagstaff-reader = {{ path = {reader:?} }}\n")).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/lib.rs"), "").unwrap();
    // The versions of this workspace: nothing is looked up.
    fs::copy(root().join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut tree = Command::new(cargo);
    tree.args([
        "tree",
        "--offline",
        "--edges=normal,build",
        "--prefix=none",
        "--format={p}",
        "--manifest-path",
    ]);
    let output = tree.arg(&manifest).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let names = tree.lines().filter_map(|line| line.split(' ').next()).filter(|name| !name.is_empty());
    let built: BTreeSet<String> = names.filter(|name| *name != "reads").map(str::to_owned).collect();
    for name in &built {
        let network = NETWORK.iter().find(|part| name.contains(*part));
        assert!(network.is_none(), "a reader builds {name}");
    }
    let unexpected: Vec<_> = built.difference(&set(&READER)).cloned().collect();
    let missing: Vec<_> = set(&READER).difference(&built).cloned().collect();
    assert!(
        unexpected.is_empty() && missing.is_empty(),
        "not on the list: {unexpected:?}; not built: {missing:?}"
    );
}

#[test]
fn our_packages_depend_on_each_other_in_one_direction_only() {
    let metadata = metadata();
    for (name, may) in [
        ("flagstaff-format", &[] as &[&str]),
        ("flagstaff-reader", &["flagstaff-format"]),
        ("flagstaff-publisher", &["flagstaff-format"]),
        ("flagstaff", &["flagstaff-reader", "flagstaff-publisher"]),
        ("flagstaff-server", &["flagstaff-publisher"]),
        ("flagstaff-torture", &["flagstaff-format", "flagstaff-reader", "flagstaff-publisher"]),
        (
            "flagstaff-cli",
            &[
                "flagstaff-format",
                "flagstaff-reader",
                "flagstaff-publisher",
                "flagstaff-server",
                "flagstaff-torture",
            ],
        ),
        ("flagstaff-python", &["flagstaff"]),
    ] {
        let found = ours(&metadata, name);
        assert!(found.is_subset(&set(may)), "{name} depends on {found:?}, expected at most {may:?}");
    }
    let reader = built_for(&metadata, "flagstaff-reader");
    let publisher = built_for(&metadata, "flagstaff-publisher");
    assert!(!reader.contains("flagstaff-publisher") && !publisher.contains("flagstaff-reader"));
}

/// The flag server brings an event loop and an HTTP server. They are for the command line, not for every program with flags.
#[test]
fn only_the_command_line_builds_the_flag_server() {
    let metadata = metadata();
    let of_server = ["flagstaff-server", "axum", "hyper", "tokio"];
    for name in
        ["flagstaff-format", "flagstaff-reader", "flagstaff-publisher", "flagstaff", "flagstaff-python"]
    {
        let built = built_for(&metadata, name);
        let found: Vec<_> = of_server.iter().filter(|part| built.contains(**part)).collect();
        assert!(found.is_empty(), "{name} builds {found:?}");
    }
    let built = built_for(&metadata, "flagstaff-cli");
    assert!(of_server.iter().all(|part| built.contains(*part)), "{built:?}");
}

#[test]
fn nothing_that_ships_depends_on_tests_benchmarks_or_tasks() {
    let metadata = metadata();
    let inner = ["flagstaff-tests", "flagstaff-benches", "xtask"];
    let members: Vec<_> =
        metadata.workspace_packages().iter().map(|package| package.name.to_string()).collect();
    for member in members.iter().filter(|member| !inner.contains(&member.as_str())) {
        let built = built_for(&metadata, member);
        assert!(inner.iter().all(|name| !built.contains(*name)), "{member} builds {built:?}");
    }
}

/// Whoever adds a rival adds it to this list, and what draws the plots stands there as well.
#[test]
fn rivals_are_dependencies_of_the_benchmarks_alone() {
    const RIVALS: [&str; 18] = [
        "mmap-sync",
        "heed",
        "lmdb",
        "lmdb-rkv",
        "redb",
        "rocksdb",
        "sled",
        "fst",
        "dashmap",
        "papaya",
        "scc",
        "flurry",
        "evmap",
        "arc-swap",
        "iceoryx2",
        "foldhash",
        "redis",
        "plotters",
    ];
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        for dependency in &package.dependencies {
            let is_rival = RIVALS.contains(&dependency.name.as_str());
            assert!(
                !is_rival || package.name.as_str() == "flagstaff-benches",
                "{} depends on the rival {}",
                package.name,
                dependency.name
            );
        }
    }
    let benches =
        metadata.packages.iter().find(|package| package.name.as_str() == "flagstaff-benches").unwrap();
    assert_eq!(benches.publish, Some(vec![]), "the benchmarks are not published");
}

/// The list of `name` in deny.toml, one quoted entry a line.
fn of_deny_toml(name: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("deny.toml")).unwrap();
    let lines = text.lines().skip_while(|line| *line != format!("{name} = [")).skip(1);
    let entries: Vec<String> = lines
        .take_while(|line| *line != "]")
        .map(|line| line.trim().trim_end_matches(',').trim_matches('"').to_owned())
        .collect();
    assert!(!entries.is_empty(), "deny.toml has no list `{name}`");
    entries
}

/// `A OR B`, `A AND B`, and parentheses around alternatives: what cargo's packages say.
fn is_allowed(license: &str, allowed: &[String]) -> bool {
    let license = license.replace('/', " OR ");
    license.split(" AND ").all(|part| {
        let part = part.trim_matches(['(', ')', ' ']);
        part.split(" OR ").any(|one| allowed.iter().any(|allowed| allowed == one.trim()))
    })
}

#[test]
fn what_ships_has_known_licences_and_comes_from_the_registry() {
    let (metadata, allowed) = (metadata(), of_deny_toml("allow"));
    let is_allowed = |license: &str| is_allowed(license, &allowed);
    let mut wrong = BTreeSet::new();
    for name in SHIPPED {
        for package in packages_for(&metadata, name) {
            let license = package.license.as_deref().unwrap_or("none");
            let is_ours = package.source.is_none() && package.name.starts_with("flagstaff");
            let is_known =
                is_ours || package.source.as_ref().is_some_and(cargo_metadata::Source::is_crates_io);
            if !is_allowed(license) || !is_known {
                wrong.insert(format!(
                    "{} {}: {license}, from {:?}",
                    package.name, package.version, package.source
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(!is_allowed("GPL-3.0-only") && !is_allowed("MIT AND GPL-3.0-only") && !is_allowed("none"));
    assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0") && is_allowed("Apache-2.0/MIT"));
}

/// Two versions of a package are twice the code, and types of one that do not fit the other. Macros run at build time only, and
/// crossterm, newest as it is, still wants a signal-hook of its own.
#[test]
fn what_ships_has_every_package_in_one_version() {
    let metadata = metadata();
    for name in SHIPPED {
        let mut versions: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for package in packages_for(&metadata, name) {
            versions.entry(&package.name).or_default().insert(package.version.to_string());
        }
        versions.retain(|name, versions| versions.len() > 1 && !["syn", "signal-hook"].contains(name));
        assert!(versions.is_empty(), "{name}: {versions:?}");
    }
}
