"""Made parts of pages are replaced in their place, and a page that lost the place is an error."""

import pytest

from infra.fresh import put


def test_made_part_is_replaced_and_the_rest_stays() -> None:
    page = "a\n<!-- made: t -->\nold\n<!-- end: t -->\nb"
    once = put(page, {"t": "new \\1"})
    assert once == "a\n<!-- made: t -->\n\nnew \\1\n\n<!-- end: t -->\nb"
    assert put(once, {"t": "new \\1"}) == once


@pytest.mark.parametrize("page", ["", "<!-- made: t -->", "<!-- made: t --><!-- made: t --><!-- end: t -->"])
def test_page_without_a_place_is_an_error(page: str) -> None:
    with pytest.raises(ValueError, match="there must be one"):
        put(page, {"t": "x"})
