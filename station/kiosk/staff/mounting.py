"""Adds the staff's side to the kiosk's application."""

from __future__ import annotations

from fastapi import FastAPI

from station.kiosk.staff import (
    device_pages,
    landmark_pages,
    login_pages,
    order_pages,
    people_pages,
    prescription_pages,
    rescan_pages,
    safety_pages,
    settings_pages,
    visit_pages,
)
from station.kiosk.staff.access import Doorkeeper
from station.kiosk.staff.rescanning import Rescans


def mount(app: FastAPI) -> None:
    """``/staff`` and everything below it."""
    app.state.staff = Doorkeeper()
    app.state.rescans = Rescans()
    for pages in (
        login_pages, order_pages, people_pages, visit_pages, landmark_pages, prescription_pages, rescan_pages,
        device_pages, safety_pages, settings_pages,
    ):  # fmt: skip
        app.include_router(pages.router)
