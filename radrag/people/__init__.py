"""Who may use the review screen: accounts, passwords, log-ins, leases."""
