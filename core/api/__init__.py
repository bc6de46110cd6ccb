"""What every endpoint of `/api/v1/` shares. Import its modules, not this one."""
