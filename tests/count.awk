# Reads a ctest log and prints "PASSED FAILED": Criterion's test cases where it ran them, else ctest's
# tests. A program that failed in spite of all its cases, by a leak for one, is one failure; one that
# was skipped is neither.
/^Command: / {
    cases = good = 0
    result = "failed"
    open = 1
}
/Synthesis: Tested: / {
    for (i = 1; i < NF; i++) {
        if ($i == "Tested:")
            cases += $(i + 1)
        if ($i == "Passing:")
            good += $(i + 1)
    }
}
/^Test Passed\./ { result = "passed" }
/^Skip regular expression found/ { result = "skipped" }
/^".*" end time: / && open {
    bad = cases - good
    if (bad == 0 && result == "failed")
        bad = 1
    if (cases == 0)
        good = result == "passed"
    passed += good
    failed += bad
    open = 0
}
END { print passed + 0, failed + 0 }
