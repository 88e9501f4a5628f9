"""What the tests with other people's software share: processes, networks, clients, captures."""
