"""Words that the kiosk writes into documents and finds there again."""

from __future__ import annotations

BY_HAND = "moved by hand: "  #: in the method of a measure: which landmarks were
