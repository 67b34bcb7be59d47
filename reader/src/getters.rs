//! The getters of [`Reader`](crate::Reader), [`FlagView`](crate::FlagView) and [`Snapshot`](crate::Snapshot): written once, so that
//! all three have the same ones.
//!
//! Each type brings what differs: `bool_or` and `find` (a look-up), `text_with` and `string` (a text of one kind), `json_text` and
//! `value` (what they return may be borrowed).

/// Makes the getters of a type. `begin` and `end` surround the examples, which read from `flags`.
macro_rules! getters {
    ($type:ty, json: $json:ty, value: $value:ty, begin: $begin:literal, end: $end:literal) => {
        impl $type {
            /// A boolean flag; `false` if it is missing or no boolean.
            #[doc = concat!("\n```\n", $begin, r#"
if flags.get_bool("new-checkout") {
    println!("the new checkout");
}
"#, $end, "\n```")]
            #[inline]
            #[must_use]
            pub fn get_bool(&self, key: impl FlagKey) -> bool {
                self.get_bool_or(key, false)
            }

            /// A boolean flag, or `default` if it is missing or no boolean.
            #[doc = concat!("\n```\n", $begin, r#"
assert!(flags.get_bool_or("no-such-flag", true));
"#, $end, "\n```")]
            #[inline]
            #[must_use]
            pub fn get_bool_or(&self, key: impl FlagKey, default: bool) -> bool {
                self.bool_or(key, default)
            }

            /// A number flag; `0.0` if it is missing or no number. Integers above 2^53 are rounded: for those see `get_i64` and `get_u64`.
            #[doc = concat!("\n```\n", $begin, r#"
let sample_rate = flags.get_number("sample-rate");
"#, $end, "\n```")]
            #[inline]
            #[must_use]
            pub fn get_number(&self, key: impl FlagKey) -> f64 {
                self.get_number_or(key, 0.0)
            }

            /// A number flag, or `default` if it is missing or no number.
            #[doc = concat!("\n```\n", $begin, r#"
assert_eq!(flags.get_number_or("no-such-flag", 0.25), 0.25);
"#, $end, "\n```")]
            #[inline]
            #[must_use]
            pub fn get_number_or(&self, key: impl FlagKey, default: f64) -> f64 {
                self.find(key).number().unwrap_or(default)
            }

            /// An integer flag, exactly; `0` if it is missing, was written with a fraction or exponent, or does not fit.
            #[doc = concat!("\n```\n", $begin, r#"
let offset = flags.get_i64("clock-offset");
"#, $end, "\n```")]
            #[inline]
            #[must_use]
            pub fn get_i64(&self, key: impl FlagKey) -> i64 {
                self.get_i64_or(key, 0)
            }

            /// An integer flag, exactly, or `default` if it is missing, was written with a fraction or exponent, or does not fit.
            #[doc = concat!("\n```\n", $begin, r#"
assert_eq!(flags.get_i64_or("no-such-flag", -1), -1);
"#, $end, "\n```")]
            #[inline]
            #[must_use]
            pub fn get_i64_or(&self, key: impl FlagKey, default: i64) -> i64 {
                self.find(key).i64().unwrap_or(default)
            }

            /// An integer flag that is not negative, exactly; `0` as for `get_i64`.
            #[doc = concat!("\n```\n", $begin, r#"
let limit = flags.get_u64("cart-limit");
"#, $end, "\n```")]
            #[inline]
            #[must_use]
            pub fn get_u64(&self, key: impl FlagKey) -> u64 {
                self.get_u64_or(key, 0)
            }

            /// An integer flag that is not negative, exactly, or `default` as for `get_i64_or`.
            #[doc = concat!("\n```\n", $begin, r#"
assert_eq!(flags.get_u64_or("no-such-flag", 50), 50);
"#, $end, "\n```")]
            #[inline]
            #[must_use]
            pub fn get_u64_or(&self, key: impl FlagKey, default: u64) -> u64 {
                self.find(key).u64().unwrap_or(default)
            }

            /// A string flag, copied; empty if it is missing or no string.
            #[doc = concat!("\n```\n", $begin, r#"
let theme = flags.get_string("theme");
"#, $end, "\n```")]
            #[must_use]
            pub fn get_string(&self, key: impl FlagKey) -> String {
                self.get_string_or(key, "")
            }

            /// A string flag, copied, or `default` if it is missing or no string.
            #[doc = concat!("\n```\n", $begin, r#"
assert_eq!(flags.get_string_or("no-such-flag", "light"), "light");
"#, $end, "\n```")]
            #[must_use]
            pub fn get_string_or(&self, key: impl FlagKey, default: &str) -> String {
                self.string(key, kind::STRING).unwrap_or_else(|| default.to_owned())
            }

            /// Calls `f` once with a string flag, or with `None` if it is missing or no string. A [`Reader`](crate::Reader) reads a string
            /// of up to 512 bytes without an allocation.
            #[doc = concat!("\n```\n", $begin, r#"
let is_dark = flags.with_str("theme", |theme| theme == Some("dark"));
"#, $end, "\n```")]
            pub fn with_str<T>(&self, key: impl FlagKey, f: impl FnOnce(Option<&str>) -> T) -> T {
                self.text_with(key, kind::STRING, f)
            }

            /// The JSON text of an object or array; `None` if the flag is missing or neither.
            #[doc = concat!("\n```\n", $begin, r#"
assert!(flags.get_json_text("no-such-flag").is_none());
"#, $end, "\n```")]
            #[must_use]
            pub fn get_json_text(&self, key: impl FlagKey) -> $json {
                self.json_text(key)
            }

            /// A flag of any type; `None` if it is missing. Tells "missing" from "has the value of the default".
            #[doc = concat!("\n```\n", $begin, r#"
assert!(flags.get("no-such-flag").is_none());
"#, $end, "\n```")]
            #[must_use]
            pub fn get(&self, key: impl FlagKey) -> $value {
                self.value(key)
            }
        }

        #[cfg(feature = "json")]
        impl $type {
            /// An object or array as a `T`; `None` if the flag is missing, neither, or no `T`. Parsed at each call; a handle
            /// ([`Reader::json_flag`](crate::Reader::json_flag)) parses once per generation.
            #[doc = concat!("\n```\n", $begin, r#"
let limits: Option<std::collections::HashMap<String, u32>> = flags.get_json("limits");
"#, $end, "\n```")]
            #[must_use]
            pub fn get_json<T: serde::de::DeserializeOwned>(&self, key: impl FlagKey) -> Option<T> {
                self.text_with(key, kind::JSON, |text| serde_json::from_str(text?).ok())
            }

            /// An object or array as a `T`, or `default` where `get_json` returns `None`.
            #[doc = concat!("\n```\n", $begin, r#"
assert_eq!(flags.get_json_or("no-such-flag", vec![1, 2]), [1, 2]);
"#, $end, "\n```")]
            #[must_use]
            pub fn get_json_or<T: serde::de::DeserializeOwned>(&self, key: impl FlagKey, default: T) -> T {
                self.get_json(key).unwrap_or(default)
            }
        }
    };
}

pub(crate) use getters;
