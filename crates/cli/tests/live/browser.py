"""The live page in a browser without a screen: what a person would see there, as JSON.

    browser.py URL ALLOWED DENIED PID

ALLOWED and DENIED are packets for the explain box; PID is the daemon's, which is told to end at last. Where SECGROUP_SCREENSHOTS names a folder, pictures
of the page are left there: light, dark, and as narrow as a phone.
"""

import json
import os
import pathlib
import signal
import sys
import tempfile

from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE = 30


def browser(profile):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    # Tests run as root, in a namespace that reaches nobody.
    for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-background-networking", "--force-color-profile=srgb", f"--user-data-dir={profile}"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))


class Page:
    def __init__(self, driver):
        self.driver = driver

    def find(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        """What is shown, not what is in the document."""
        return [element.text for element in self.find(selector)]

    def rows(self, table):
        script = "return [...document.querySelectorAll(arguments[0])].map((row) => [...row.cells].map((cell) => cell.innerText.trim()))"
        return self.driver.execute_script(script, f"#{table} tr")

    def until(self, what, condition):
        try:
            WebDriverWait(self.driver, PATIENCE, 0.1).until(lambda _: condition())
        except TimeoutException:
            sys.exit(f"no {what}: {self.texts('body')}")

    def explain(self, flow):
        box = self.find("#flow")[0]
        box.clear()
        box.send_keys(flow)
        self.driver.execute_script("document.getElementById('answer').replaceChildren()")
        self.find("#ask button")[0].click()
        self.until("answer", lambda: self.texts("#answer > *"))
        return self.texts("#answer")[0]

    def photograph(self, name, width, theme):
        folder = os.environ.get("SECGROUP_SCREENSHOTS")
        if not folder:
            return
        while self.texts("#theme") != [f"Theme: {theme}"]:
            self.find("#theme")[0].click()
        # A window is never as narrow as a phone; the device is.
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        height = self.driver.execute_script("return document.documentElement.scrollHeight")
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**size, "height": height})
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(pathlib.Path(folder) / f"{name}.png"))


def look(page, allowed, denied):
    """Everything on the page, once rates are known."""
    page.until("pulse", lambda: page.texts("#pulse") == ["live"])
    page.until("denial", lambda: page.rows("denied"))
    page.until("rate", lambda: any(row[3] == "established" and row[4] != "0 bit/s" for row in page.rows("passing")))
    page.until("hit", lambda: any(row[3] != "0" for row in page.rows("allowed")))
    page.until("curve", lambda: len(page.find(".spark path")) >= 2)
    seen = {
        "figures": dict(zip(page.texts("#figures dt"), page.texts("#figures .value"))),
        "interfaces": page.texts(".link"),
        "denied": page.rows("denied"),
        "passing": page.rows("passing"),
        "rules": page.rows("allowed"),
        "warnings": page.texts("#warnings li"),
    }
    page.find("#denied .link-like")[0].click()
    page.until("answer", lambda: page.texts("#answer .verdict"))
    seen["explained_by_click"] = page.texts("#answer")[0]
    seen["nonsense"] = page.explain("<img/src=x/onerror=alert(1)>")
    seen["allowed"] = page.explain(allowed)
    seen["explained"] = page.explain(denied)
    page.find("#filter")[0].send_keys("nothing has this")
    page.until("filter", lambda: not page.rows("allowed"))
    page.find("#filter")[0].clear()
    page.find("#filter")[0].send_keys("ssh")
    page.until("filter", lambda: page.rows("allowed"))
    seen["filtered"] = page.rows("allowed")
    page.driver.execute_script("document.getElementById('filter').value = ''; document.getElementById('filter').dispatchEvent(new Event('input'))")
    # What strangers said is text: it made no element, and nothing ran.
    seen["foreign"] = page.driver.execute_script("return document.querySelectorAll('main img, main script, main iframe, main style').length")
    return seen


def main():
    url, allowed, denied, daemon = sys.argv[1:]
    with tempfile.TemporaryDirectory() as profile:
        driver = browser(profile)
        try:
            driver.get(url)
            page = Page(driver)
            seen = look(page, allowed, denied)
            for name, width, theme in [("light", 1280, "light"), ("dark", 1280, "dark"), ("phone", 390, "light"), ("phone-dark", 390, "dark")]:
                page.photograph(name, width, theme)
            scrolls = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True})
            seen["scrolls_sideways_on_a_phone"] = driver.execute_script(scrolls)
            # Those of the browser itself are about what it showed before.
            messages = [line["message"] for line in driver.get_log("browser")]
            seen["console"] = [message for message in messages if not message.startswith("chrome://")]
            os.kill(int(daemon), signal.SIGTERM)
            page.until("end", lambda: page.texts("#pulse")[0].startswith("no answer"))
            seen["ended"] = page.texts("#pulse")[0]
        finally:
            driver.quit()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
