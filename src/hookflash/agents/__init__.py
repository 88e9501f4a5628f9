"""Agent workers, the jobs that they do, and who is asked for one."""
