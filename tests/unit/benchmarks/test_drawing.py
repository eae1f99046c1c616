"""Steps and places along an axis."""

import pytest

from benchmarks.drawing import Scale, number, powers, round_steps


@pytest.mark.parametrize(
    ("most", "steps"),
    [
        (10, [0, 2, 4, 6, 8, 10]),
        (11, [0, 2.5, 5, 7.5, 10, 12.5]),
        (12_600, [0, 5000, 10_000, 15_000]),
        (0.4, [0, 0.1, 0.2, 0.3, 0.4]),
        (0, [0, 1]),
    ],
)
def test_steps_are_round_and_reach_what_is_shown(most: float, steps: list[float]) -> None:
    assert round_steps(most) == pytest.approx(steps)


@pytest.mark.parametrize(
    ("least", "most", "steps"), [(0.8, 36, [0.1, 1, 10, 100]), (1, 1000, [1, 10, 100, 1000])]
)
def test_powers_of_ten_enclose_what_is_shown(least: float, most: float, steps: list[float]) -> None:
    assert powers(least, most) == pytest.approx(steps)


def test_a_scale_goes_by_differences_or_by_ratios() -> None:
    assert Scale(0, 100, 50, 150).at(25) == pytest.approx(75)
    assert Scale(1, 100, 0, 200, logarithmic=True).at(10) == pytest.approx(100)


@pytest.mark.parametrize(("value", "shown"), [(12600.4, "12,600"), (0.4321, "0.432"), (3.0, "3")])
def test_numbers_are_written_as_people_write_them(value: float, shown: str) -> None:
    assert number(value) == shown
