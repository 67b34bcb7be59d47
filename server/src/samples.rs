//! Flags to look at, for a server without a file.

/// One of each kind.
pub(crate) const SAMPLES: &str = r#"{
  "new-checkout": false,
  "dark-mode": true,
  "cart-limit": 50,
  "search.rollout-ratio": 0.25,
  "greeting": "hello",
  "search.engine": {"name": "fast", "pages": [1, 2, 3]}
}"#;
