"""The words in a picture, in the language of the report that it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from station import fonts
from station.reasons import told

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BOOK = "pictures"


def tell(figure: Figure, lang: str) -> Figure:
    """The same figure, its words in ``lang``; as they are where the font with Chinese letters was not built."""
    folder = fonts.chinese()
    if lang == "en" or folder is None:
        return figure
    from matplotlib.text import Text

    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        labels = [label.get_text() for label in axis.get_majorticklabels()]
        if any(letter.isalpha() for label in labels for letter in label):  # they are written anew at every drawing
            axis.set_ticks(axis.get_majorticklocs(), labels=[in_words(label, lang) for label in labels])
    known = fonts.letters(folder)
    for part in figure.findobj(Text):
        words = in_words(part.get_text(), lang)
        part.set_text(words)
        if all(ord(letter) in known for letter in words if letter != "\n"):
            part.get_fontproperties().set_file(folder / fonts.REGULAR)
    return figure


def in_words(text: str, lang: str) -> str:
    """A caption; one of several sentences is told sentence by sentence."""
    whole = told(text, lang, BOOK)
    return "；".join(told(part, lang, BOOK) for part in text.split("; ")) if whole == text else whole
