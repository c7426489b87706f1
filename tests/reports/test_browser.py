"""The report in headless Chromium: no errors, figures drawn, switches, keyboard, a phone, without colours."""

import shutil

import pytest

from binland.reports.page import report

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]


@pytest.fixture(scope="module")
def url(finished, tmp_path_factory):
    return report([finished, finished], tmp_path_factory.mktemp("report") / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield started
        started.close()


def opened(browser, url, width=1200, **context):
    """A page that is loaded, and what its console said."""
    page = browser.new_context(viewport={"width": width, "height": 900}, offline=True, **context).new_page()
    said = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(url)
    page.wait_for_selector(".plot .main-svg")
    return page, said


def curves(page):
    """Of the first figure."""
    return page.locator("article[data-section] .plot").first.locator(".scatterlayer .trace").count()


def test_nothing_is_complained_of_and_figures_are_there(browser, url):
    page, said = opened(browser, url)
    for plot in page.locator(".view:not([hidden]) .plot").all():
        plot.scroll_into_view_if_needed()
        plot.locator(".main-svg").first.wait_for()
    assert not said
    assert page.locator(".plot .main-svg").count() >= 8


def test_an_algorithm_is_switched_off_by_the_keyboard(browser, url):
    page, said = opened(browser, url)
    page.locator("#figures").scroll_into_view_if_needed()
    page.locator("article[data-section] .plot .main-svg").first.wait_for()
    before = curves(page)
    page.locator("input[data-key=algorithm]").first.focus()
    page.keyboard.press("Space")
    page.wait_for_timeout(300)
    assert curves(page) < before
    page.keyboard.press("Space")
    page.wait_for_timeout(300)
    assert curves(page) == before
    assert not said


def test_sizes_are_switched_off_and_points_chosen(browser, url):
    page, said = opened(browser, url)
    boxes = page.locator("#sizes input")
    assert boxes.count() == 2
    boxes.first.uncheck()
    choice = page.locator("select.point").first
    choice.select_option(index=1)
    article = page.locator("article[data-section]", has=page.locator("select.point")).first
    assert article.locator(".view").nth(0).is_hidden()
    assert article.locator(".view").nth(1).is_visible()
    assert not said


def test_a_path_is_chosen_and_kept(browser, url):
    page, said = opened(browser, url)
    form = page.locator("form.paths").first
    form.scroll_into_view_if_needed()
    form.locator(".keep").click()
    form.locator("select").last.select_option(index=1)
    plot = page.locator(".plot.path").first
    page.wait_for_timeout(300)
    assert plot.locator(".scatterlayer .trace").count() == 2
    form.locator(".clear").click()
    page.wait_for_timeout(300)
    assert plot.locator(".scatterlayer .trace").count() == 1
    assert not said


@pytest.mark.parametrize("width", [320, 390])
def test_on_a_phone_nothing_is_wider_than_the_screen(browser, url, width):
    page, said = opened(browser, url, width, is_mobile=True)
    page.locator("#errors").scroll_into_view_if_needed()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not said


def test_curves_differ_without_colours(browser, url):
    """Every curve of the figure of barriers has its own dashes or marker."""
    page, _ = opened(browser, url)
    looks = page.evaluate("""() => {
        const panels = Object.values(data[0].figures)[0][0];
        const barrier = panels.find((panel) => panel.layout.yaxis.title.text.startsWith("barrier"));
        const look = ({ line, marker }) => JSON.stringify([line.dash, marker.symbol, marker.color === "white"]);
        return barrier.data.map(look);
    }""")
    assert len({*looks}) == len(looks)
