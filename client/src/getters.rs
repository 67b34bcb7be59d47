//! The getters of a client: those of its reader.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flagstaff_reader::{
    BoolFlag, FlagKey, FlagView, Generation, NumberFlag, Snapshot, Status, StringFlag, TypeCounts, Value,
};
#[cfg(feature = "json")]
use {flagstaff_reader::JsonFlag, serde::de::DeserializeOwned};

use crate::client::Client;

/// Methods of [`Client`] that are those of its reader. In brackets: parameters of a generic method. Behind
/// `=`: the example of its documentation, for a client named `flags`.
macro_rules! getters {
    ($list:ident: $(
        $(#[$attribute:meta])*
        fn $name:ident $([$($generic:tt)*])? ($($argument:ident: $type:ty),*) $(-> $result:ty)? = $example:literal;
    )*) => {
        impl Client {
            $(
                $(#[$attribute])*
                #[doc = concat!("\n```\n# let folder = tempfile::tempdir()?;\n",
                    "# let builder = flagstaff::Client::builder(\"k\").base_url(\"http://127.0.0.1:9\");\n",
                    "# let flags = builder.cache_dir(folder.path()).start()?;\n",
                    $example, "\n# Ok::<(), Box<dyn std::error::Error>>(())\n```")]
                #[inline]
                pub fn $name $(<$($generic)*>)? (&self, $($argument: $type),*) $(-> $result)? {
                    self.reader().$name($($argument),*)
                }
            )*
        }

        #[cfg(test)]
        const $list: &[&str] = &[$(stringify!($name)),*];
    };
}

getters! { GETTERS:
    /// A boolean; `false` by default.
    #[must_use]
    fn get_bool(key: impl FlagKey) -> bool
        = r#"if flags.get_bool("new-checkout") {
    // the new way
}"#;

    /// A boolean, or `default`.
    #[must_use]
    fn get_bool_or(key: impl FlagKey, default: bool) -> bool
        = r#"assert!(flags.get_bool_or("no-such-flag", true));"#;

    /// A number as `f64`; `0.0` by default. Integers above 2^53 are rounded; see [`Client::get_i64`].
    #[must_use]
    fn get_number(key: impl FlagKey) -> f64
        = r#"assert_eq!(flags.get_number("no-such-flag"), 0.0);"#;

    /// A number as `f64`, or `default`.
    #[must_use]
    fn get_number_or(key: impl FlagKey, default: f64) -> f64
        = r#"let share_of_users = flags.get_number_or("rollout", 0.25);
# assert_eq!(share_of_users, 0.25);"#;

    /// An exact integer; `0` by default, also for a number with a fraction or exponent.
    #[must_use]
    fn get_i64(key: impl FlagKey) -> i64
        = r#"assert_eq!(flags.get_i64("no-such-flag"), 0);"#;

    /// An exact integer, or `default`.
    #[must_use]
    fn get_i64_or(key: impl FlagKey, default: i64) -> i64
        = r#"let limit = flags.get_i64_or("cart-limit", 50);
# assert_eq!(limit, 50);"#;

    /// An exact integer that is not negative; `0` by default.
    #[must_use]
    fn get_u64(key: impl FlagKey) -> u64
        = r#"assert_eq!(flags.get_u64("no-such-flag"), 0);"#;

    /// An exact integer that is not negative, or `default`.
    #[must_use]
    fn get_u64_or(key: impl FlagKey, default: u64) -> u64
        = r#"assert_eq!(flags.get_u64_or("max-upload-bytes", 1 << 20), 1 << 20);"#;

    /// A string; empty by default.
    #[must_use]
    fn get_string(key: impl FlagKey) -> String
        = r#"assert_eq!(flags.get_string("no-such-flag"), "");"#;

    /// A string, or `default`.
    #[must_use]
    fn get_string_or(key: impl FlagKey, default: &str) -> String
        = r#"assert_eq!(flags.get_string_or("theme", "light"), "light");"#;

    /// Hands a string flag to `f`; `None` if it is missing or no string. `f` is called once. A string of up to 512 bytes is copied to the
    /// stack, so nothing is allocated.
    fn with_str[T](key: impl FlagKey, f: impl FnOnce(Option<&str>) -> T) -> T
        = r#"let is_dark = flags.with_str("theme", |theme| theme == Some("dark"));
# assert!(!is_dark);"#;

    /// Any value; `None` if there is no such flag. To tell "missing" from "the default".
    #[must_use]
    fn get(key: impl FlagKey) -> Option<Value<'static>>
        = r#"assert_eq!(flags.get("no-such-flag"), None);"#;

    /// The JSON text of an object or array; `None` if the flag is missing or neither.
    #[must_use]
    fn get_json_text(key: impl FlagKey) -> Option<String>
        = r#"assert!(flags.get_json_text("no-such-flag").is_none());"#;

    /// An object or array as a `T`; `None` if the flag is missing, a scalar, or no `T`.
    #[cfg(feature = "json")]
    #[must_use]
    fn get_json[T: DeserializeOwned](key: impl FlagKey) -> Option<T>
        = r#"let regions: Option<Vec<String>> = flags.get_json("regions");
# assert_eq!(regions, None);"#;

    /// An object or array as a `T`, or `default`.
    #[cfg(feature = "json")]
    #[must_use]
    fn get_json_or[T: DeserializeOwned](key: impl FlagKey, default: T) -> T
        = r#"let regions = flags.get_json_or("regions", vec!["eu".to_owned()]);
# assert_eq!(regions, ["eu"]);"#;

    /// Reads many flags of one generation: all getters of the view that `f` gets read the same snapshot.
    ///
    /// `f` is called again if two publishes began while it ran; what it returned then is thrown away, and what it was given after that
    /// moment were defaults. After 8 tries it runs on a copy. So it should read and return values and have no other effect.
    fn read[T](f: impl FnMut(&FlagView<'_>) -> T) -> T
        = r#"let (on, limit) = flags.read(|flags| (flags.get_bool("new-checkout"), flags.get_i64_or("cart-limit", 50)));
# assert_eq!((on, limit), (false, 50));"#;

    /// Boolean flags of one generation; `false` for those that are missing or no boolean.
    #[must_use]
    fn get_bools[const N: usize](keys: [impl FlagKey; N]) -> [bool; N]
        = r#"let [checkout, search] = flags.get_bools(["new-checkout", "new-search"]);"#;

    /// Number flags of one generation; `0.0` for those that are missing or no number.
    #[must_use]
    fn get_numbers[const N: usize](keys: [impl FlagKey; N]) -> [f64; N]
        = r#"let [rollout, limit] = flags.get_numbers(["rollout", "cart-limit"]);"#;

    /// String flags of one generation, copied; empty for those that are missing or no string.
    #[must_use]
    fn get_strings[const N: usize](keys: [impl FlagKey; N]) -> [String; N]
        = r#"let [theme, banner] = flags.get_strings(["theme", "banner"]);"#;

    /// Flags of any type, of one generation; `None` for those that are missing.
    #[must_use]
    fn get_many[const N: usize](keys: [impl FlagKey; N]) -> [Option<Value<'static>>; N]
        = r#"let [theme, limit] = flags.get_many(["theme", "cart-limit"]);"#;

    /// All flags of one generation, copied: real `&str`, iteration, any lifetime. Made once per generation and shared.
    #[must_use]
    fn snapshot() -> Arc<Snapshot>
        = r#"for (key, value) in flags.snapshot().iter() {
    println!("{key}: {value:?}");
}"#;

    /// A handle to a boolean flag, `false` by default: the fastest way to read one flag often.
    #[must_use]
    fn bool_flag(key: &str) -> BoolFlag
        = r#"let new_checkout = flags.bool_flag("new-checkout");
assert!(!new_checkout.get());"#;

    /// A handle to a boolean flag with a default.
    #[must_use]
    fn bool_flag_or(key: &str, default: bool) -> BoolFlag
        = r#"assert!(flags.bool_flag_or("no-such-flag", true).get());"#;

    /// A handle to a number flag; `0.0` by default.
    #[must_use]
    fn number_flag(key: &str) -> NumberFlag
        = r#"assert_eq!(flags.number_flag("no-such-flag").get(), 0.0);"#;

    /// A handle to a number flag with a default.
    #[must_use]
    fn number_flag_or(key: &str, default: f64) -> NumberFlag
        = r#"assert_eq!(flags.number_flag_or("rollout", 0.25).get(), 0.25);"#;

    /// A handle to a string flag; empty by default.
    #[must_use]
    fn string_flag(key: &str) -> StringFlag
        = r#"assert_eq!(&*flags.string_flag("no-such-flag").get(), "");"#;

    /// A handle to a string flag with a default.
    #[must_use]
    fn string_flag_or(key: &str, default: &str) -> StringFlag
        = r#"assert_eq!(&*flags.string_flag_or("theme", "light").get(), "light");"#;

    /// A handle to a JSON flag, parsed once per generation.
    #[cfg(feature = "json")]
    #[must_use]
    fn json_flag[T: DeserializeOwned](key: &str) -> JsonFlag<T>
        = r#"let regions = flags.json_flag::<Vec<String>>("regions");
assert!(regions.get().is_none());"#;

    /// The state of file, publisher and stream. Looks at the path, and moves to another file if one is there. Takes a few microseconds.
    #[must_use]
    fn status() -> Status
        = r#"if flags.status().is_stale() {
    eprintln!("flags may be out of date");
}"#;

    /// The current generation; 0 if nothing has been published.
    #[must_use]
    fn generation() -> Generation
        = r#"println!("generation {}", flags.generation());"#;

    /// Waits, asleep, until the generation is another one than `seen`, at most `timeout`. Returns the current one.
    fn wait_for_change(seen: Generation, timeout: Duration) -> Generation
        = r#"let seen = flags.generation();
let now = flags.wait_for_change(seen, std::time::Duration::from_millis(10));
# assert_eq!(now, seen);"#;

    /// Number of flags of each type, in the current generation. Nothing is copied.
    #[must_use]
    fn type_counts() -> TypeCounts
        = r#"println!("{:?}", flags.type_counts());"#;

    /// How many reads were not settled at the first attempt and done again. For measurements.
    #[must_use]
    fn unsettled_reads() -> u64
        = r#"assert_eq!(flags.unsettled_reads(), 0);"#;

    /// Looks whether another file lies at the path, and moves there if its flags are newer. The background does so twice a second.
    fn look_at_path()
        = r#"flags.look_at_path();"#;

    /// The path of the snapshot file.
    #[must_use]
    fn path() -> &Path
        = r#"assert!(flags.path().starts_with(folder.path()));"#;
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// In `client.rs`: they know of the move to memory.
    const OWN: [&str; 2] = ["changes_since", "wait_for_changes"];

    fn rust_files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] }).collect()
    }

    /// The public methods of `Reader` that take `&self`, as its source has them: in its own blocks, and in the macro that makes the getters
    /// of all types.
    fn methods_of_reader() -> Vec<String> {
        let mut methods = Vec::new();
        for file in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../reader/src")) {
            let text = fs::read_to_string(file).unwrap();
            let mut lines = text.lines();
            while let Some(line) = lines.next() {
                let indent = line.len() - line.trim_start().len();
                if !["impl Reader {", "impl $type {"].contains(&line.trim_start()) {
                    continue;
                }
                let end = format!("{}}}", " ".repeat(indent));
                let block: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
                for method in block.join("\n").split(&format!("\n{}pub fn ", " ".repeat(indent + 4))).skip(1)
                {
                    if method.split('{').next().unwrap().contains("&self") {
                        methods.push(method.split(['(', '<']).next().unwrap().to_owned());
                    }
                }
            }
        }
        methods
    }

    #[test]
    fn a_client_has_every_getter_of_a_reader() {
        let methods = methods_of_reader();
        assert!(methods.len() > 20, "{methods:?}");
        for method in &methods {
            let is_there = GETTERS.contains(&method.as_str()) || OWN.contains(&method.as_str());
            assert!(is_there, "Client has no `{method}`");
        }
        for getter in GETTERS {
            assert!(methods.iter().any(|method| method == getter), "Reader has no `{getter}`");
        }
    }

    #[test]
    fn the_getters_of_a_client_return_what_those_of_a_reader_return() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flags.flagstaff");
        let options = flagstaff_publisher::PublisherOptions::default();
        let mut publisher = flagstaff_publisher::Publisher::open(&path, &options).unwrap();
        let flags = r#"{"bool": true, "number": 1.5, "whole": 7, "negative": -7, "text": "text", "json": [1, 2], "null": null}"#;
        publisher.publish(flags).unwrap();
        let client = Client::builder("k").base_url("http://127.0.0.1:9").file(&path).start().unwrap();
        let reader = flagstaff_reader::Reader::open(&path).unwrap();
        let path = (client.path().to_owned(), client.generation());
        assert_eq!(path, (reader.path().to_owned(), reader.generation()));
        for key in ["bool", "number", "whole", "negative", "text", "json", "null", "missing"] {
            assert_eq!(client.get(key), reader.get(key), "{key}");
            assert_eq!(client.get_json_text(key), reader.get_json_text(key), "{key}");
            assert_eq!(client.get_bool(key), reader.get_bool(key), "{key}");
            assert_eq!(client.get_bool_or(key, true), reader.get_bool_or(key, true), "{key}");
            assert_eq!(client.get_number(key), reader.get_number(key), "{key}");
            assert_eq!(client.get_number_or(key, 9.0), reader.get_number_or(key, 9.0), "{key}");
            assert_eq!(client.get_i64(key), reader.get_i64(key), "{key}");
            assert_eq!(client.get_i64_or(key, 9), reader.get_i64_or(key, 9), "{key}");
            assert_eq!(client.get_u64(key), reader.get_u64(key), "{key}");
            assert_eq!(client.get_u64_or(key, 9), reader.get_u64_or(key, 9), "{key}");
            assert_eq!(client.get_string(key), reader.get_string(key), "{key}");
            assert_eq!(client.get_string_or(key, "d"), reader.get_string_or(key, "d"), "{key}");
            let owned = |text: Option<&str>| text.map(str::to_owned);
            assert_eq!(client.with_str(key, owned), reader.with_str(key, owned), "{key}");
            assert_eq!(client.read(|all| all.get_i64(key)), reader.read(|all| all.get_i64(key)), "{key}");
            assert_eq!(client.get_bools([key]), reader.get_bools([key]), "{key}");
            assert_eq!(client.get_numbers([key]), reader.get_numbers([key]), "{key}");
            assert_eq!(client.get_strings([key]), reader.get_strings([key]), "{key}");
            assert_eq!(client.get_many([key]), reader.get_many([key]), "{key}");
            assert_eq!(client.snapshot().get(key), reader.snapshot().get(key), "{key}");
            assert_eq!(client.bool_flag(key).get(), reader.bool_flag(key).get(), "{key}");
            assert_eq!(client.bool_flag_or(key, true).get(), reader.bool_flag_or(key, true).get(), "{key}");
            assert_eq!(client.number_flag(key).get(), reader.number_flag(key).get(), "{key}");
            assert_eq!(client.number_flag_or(key, 9.0).get(), reader.number_flag_or(key, 9.0).get(), "{key}");
            assert_eq!(client.string_flag(key).get(), reader.string_flag(key).get(), "{key}");
            assert_eq!(client.string_flag_or(key, "d").get(), reader.string_flag_or(key, "d").get(), "{key}");
            #[cfg(feature = "json")]
            {
                type Numbers = Vec<u8>;
                assert_eq!(client.get_json::<Numbers>(key), reader.get_json::<Numbers>(key), "{key}");
                let default = || vec![9];
                assert_eq!(client.get_json_or(key, default()), reader.get_json_or(key, default()), "{key}");
                assert_eq!(
                    client.json_flag::<Numbers>(key).get(),
                    reader.json_flag::<Numbers>(key).get(),
                    "{key}"
                );
            }
        }
        client.close().unwrap();
        publisher.close().unwrap();
    }
}
