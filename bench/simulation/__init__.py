"""python -m bench.simulation: where the design breaks first, from 1 to 1,000 workers.

Discrete events of one busy minute at the peak hour's rate, on times that were measured:

    python -m bench.simulation --measure times.json     # needs PostgreSQL and Redis of its own
    python -m bench.simulation --times times.json --out simulation.png
"""
