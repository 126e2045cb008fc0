# What there is to do here. `just` alone lists it; each recipe is a command that works without `just` too.

set positional-arguments

_list:
    @just --list --unsorted

# Run `flow` with the arguments given: `just run check workflows/classify-batch.yml`
run *arguments:
    cargo run -- "$@"

# The main job against the sandbox: classify a day's support tickets in one message batch
classify:
    cargo run -- run workflows/classify-batch.yml --sandbox --input tickets=examples/data/tickets.jsonl

# All tests, or those named: `just test --package flow-engine`
test *arguments:
    cargo test "$@"

# Worlds of runs and faults, each out of one seed; `SEEDS=20000` takes more, `SEED=17` tells one (docs/simulator.md)
simulate:
    cargo test --package flow-backend --test suite simulator -- --nocapture

# Formatting and lints, as CI asks for them
check:
    .ci/run format clippy

# Rewrite the expected outputs of the test cases; review the diff
update:
    UPDATE=1 cargo test

# Bans, licences and sources of the dependencies (deny.toml)
deny:
    .ci/run deny

# Kill the binary this many times at random, and at every point, and compare with what was acknowledged (docs/crash.md)
crash kills="300" seed="now":
    KILLS={{kills}} SEED={{seed}} cargo test --package flow-runner --test suite crash:: -- --nocapture

# Everything CI does, with a table of times at the end; or only the stages named: `just ci tests deny`
ci *stages:
    .ci/run "$@"

# Time what flow does, beside ninja and jq where they are installed: `just bench check runs` (docs/performance.md)
bench *what:
    for name in ${*:-check runs loop shell filter}; do echo "== $name"; tests/bench/$name; done
