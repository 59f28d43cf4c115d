"""What Facebook takes, and its limits (developers.facebook.com: Pages, reels, stories, video guides, 2026-07)."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.base import Budget, Operation, Reading, Window
from connectors.graph import usage
from connectors.post import Form
from connectors.takes import GIF, Limits, Sort, Takes

TEXT, COMMENT = 63_206, 8_000  #: characters
MB = 1024 * 1024
PICTURES = 10
STILL = "Facebook shows only the first picture of a GIF"
_TYPES = ("image/jpeg", "image/png", "image/bmp", "image/tiff")
_FILMS = ("video/mp4", "video/quicktime")
_UPRIGHT = (0.55, 4 / 7)  #: 9:16, as far as whole pixels allow
_PICTURE, _MOVING = Limits(_TYPES, 4 * MB), Limits((GIF,), 4 * MB, note=STILL)
_SHORT = Limits(
    _FILMS, 1024 * MB, width=(540, 0), height=(960, 0), ratio=_UPRIGHT, seconds=(3, 90), fps=(24, 60), alt=0
)
_STORY = Limits(_TYPES, 4 * MB, alt=0)

TAKES: Mapping[Form, Takes] = {
    Form.POST: Takes(
        picture=_PICTURE, moving=_MOVING, video=Limits(_FILMS, 10_240 * MB, seconds=(1, 14_400), alt=0), most=PICTURES
    ),
    Form.REEL: Takes(video=_SHORT, least=1),
    Form.STORY: Takes(picture=_STORY, video=_SHORT, least=1, alone=frozenset(Sort)),
    Form.COMMENT: Takes(picture=_PICTURE),
}

PAGE = usage.of_business("page-usage")
BUSINESS = {"pages": PAGE}
REELS = Budget("reels-day", 30, Window.SLIDING, usage.DAY)
BUDGETS = (usage.APP, PAGE, REELS)


def costs(operation: Operation) -> dict[str, int]:
    """What one call takes. How much of its usage Facebook counts for it, only Facebook's own word tells."""
    taken = {usage.APP.name: 1, PAGE.name: 1}
    return taken | ({REELS.name: 1} if operation.name == "facebook.reel.publish" else {})


def observe(headers: Mapping[str, str]) -> tuple[Reading, ...]:
    """What an answer's headers say of the budgets."""
    return usage.readings(headers, BUSINESS)
