"""What the pages need beside Markdown to be a site (mkdocs.yml, `make docs`).

The same files are read on GitHub, where a link leads to a file of the repository. So README.md is the first page of the
site, CHANGELOG.md a page too, and every other file that a page links to becomes a page that shows it. Links are
rewritten on the way; the repository has no address that they could lead to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
_PAGES = {"README.md": "index.md", "CHANGELOG.md": "changelog.md"}
_LANGUAGES = {".py": "python", ".json": "json", ".yaml": "yaml", ".toml": "toml", ".service": "ini", ".plist": "xml"}
_AS_THEY_ARE = (".svg", ".png")
# A fenced block or a piece of code, which are passed over; or a link, of which the target is taken.
_LINK = re.compile(r"^```.*?^```$|`[^`\n]*`(?!\]\()|(?<=\]\()(?P<target>[^)\s]+)", re.DOTALL | re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for every file outside docs/ that the pages link to, and for those that these link to."""
    open_ends = {"README.md", "CHANGELOG.md"}
    for file in files.documentation_pages():
        open_ends |= set(_linked(f"docs/{file.src_uri}", Path(file.abs_src_path or "").read_text(encoding="utf-8")))
    done: set[str] = set()
    while open_ends:
        path = open_ends.pop()
        done.add(path)
        if path.startswith("docs/"):
            continue
        if path.endswith(_AS_THEY_ARE):
            files.append(File.generated(config, _place(path), abs_src_path=str(ROOT / path)))
            continue
        text = (ROOT / path).read_text(encoding="utf-8")
        files.append(File.generated(config, _place(path), content=text if path.endswith(".md") else _shown(path, text)))
        if path.endswith(".md"):
            open_ends |= set(_linked(path, text)) - done
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead every link to where its file is in the site."""
    source = _source(page.file.src_uri)

    def led(match: re.Match[str]) -> str:
        link = match["target"]
        if not link or _path(source, link) is None:
            return match[0]
        target, mark, anchor = link.partition("#")
        place = _place(_path(source, target) or "")
        return relpath(place, str(PurePosixPath(page.file.src_uri).parent)) + mark + anchor

    return _LINK.sub(led, markdown) if source.endswith(".md") else markdown


def _linked(source: str, text: str) -> Iterator[str]:
    """Files of the repository that a page links to, by their path in it."""
    for match in _LINK.finditer(text):
        path = _path(source, (match["target"] or "").partition("#")[0])
        if path is not None and (ROOT / path).is_file():
            yield path


def _path(source: str, link: str) -> str | None:
    """Where a link of the file ``source`` leads in the repository; None for one to a heading or out into the world."""
    if not link or link.startswith(("#", "https:", "http:", "mailto:")):
        return None
    return normpath(str(PurePosixPath(source).parent / link.partition("#")[0]))


def _place(path: str) -> str:
    """Where the site has a file of the repository."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if path in _PAGES:
        return _PAGES[path]
    shown = path.replace("/.", "/")  # a site has no hidden folders
    return f"repository/{shown}" if path.endswith((".md", *_AS_THEY_ARE)) else f"repository/{shown}.md"


def _source(place: str) -> str:
    """The file of the repository that stands at a place of the site."""
    for path, page in _PAGES.items():
        if place == page:
            return path
    if place.startswith("repository/"):
        path = place.removeprefix("repository/")
        return path if (ROOT / path).is_file() else path.removesuffix(".md")
    return f"docs/{place}"


def _shown(path: str, text: str) -> str:
    return f"# {path}\n\n````{_LANGUAGES.get(PurePosixPath(path).suffix, 'text')}\n{text}\n````\n"
