"""Many orders: a table of them, workers that make them, one manifest of what came of each.

``table`` reads the orders, ``item`` is the one pure function of an order, ``worker`` does it in a process with limits,
``engines`` has many of those, here or on a cluster, ``places`` is where orders go, ``results`` what is told of them.
"""
