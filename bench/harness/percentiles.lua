-- What wrk found, on one line.
done = function(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format("weir-bench %d %d %d %d %d %d\n", summary.requests, summary.duration,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
