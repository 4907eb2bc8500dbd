//! The real parts that the suites run on: clusters, Clouddriver, sidecar and agent as processes.
