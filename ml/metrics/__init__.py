"""Numbers about scores: metrics, bootstrap intervals, operating points. numpy only."""
