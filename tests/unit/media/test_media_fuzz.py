"""Damaged files of all kinds: each ends as prepared media or as a reason. More of them: ``bench.fuzz_media``."""

from __future__ import annotations

from pathlib import Path

from bench.fuzz_media import fuzz


async def test_damaged_files_end_as_media_or_as_a_reason(tmp_path: Path) -> None:
    report = await fuzz(300, 7, tmp_path)
    assert report.wrong == []
    assert report.files == 300
    assert 30 < report.outcomes["prepared"] < 270, "the damage is neither too small nor too large to say anything"
    assert list((tmp_path / "temp").iterdir()) == []
