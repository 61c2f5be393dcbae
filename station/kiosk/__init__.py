"""The studio's kiosk: a web page for a touch screen that takes a customer from the first tap to an insole.

``settings`` what a studio sets · ``flow`` the customer's way, pure · ``sources`` scanners and walks · ``processing``
child processes that read and compute · ``desk`` one visit's work · ``customer``, ``live``, ``takeaway`` the pages ·
``uploads`` what is sent to them · ``security`` who may ask · ``serving`` how many at once, and how slowly · ``app`` all
of it together. ``plantar kiosk`` starts it.
"""
