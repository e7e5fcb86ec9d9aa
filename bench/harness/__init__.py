"""What bench.py and time_wait.py share: processes, load, the kernel's sockets, reports, plots."""
