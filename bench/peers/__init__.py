"""python -m bench.peers: the product beside what else would serve the same model (Linux).

Every contestant runs the committed bundle on the same drawn films. All are started once and stand
frozen while another one is measured; rounds go in turns, so that a busy moment hits every one.
"""
