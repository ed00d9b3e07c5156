"""What a process tells about itself: traces, logs without secrets, distributions. Knows nothing of jobs or HTTP."""
