"""Numbers about scores: metrics, intervals, comparisons, operating points. numpy only."""
