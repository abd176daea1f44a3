"""Every write of the domain: keyword-only verbs in noun modules, called as `jobs.claim(...)`."""
