import Testing

/// Tests with a whole platform each, one after another: side by side they would starve each other on two cores.
@Suite(.serialized) enum EndToEnd {}
