"""The staff's side of the kiosk, behind a PIN: orders, people, landmarks, prescriptions, batches, devices, the store.

``mounting.mount(app)`` adds ``/staff`` to the kiosk's application. ``access`` says who is in; a module of ``*_pages``
has the addresses of one part; the rest is without any web: ``searching``, ``landmarks`` (in a child process),
``prescribing``, ``exporting``, ``replacing`` (a restored store takes the place of the one that runs).
"""
